export { type FileStorageOptions, fileStorage } from "./file-storage.js";
export { nodeFileSystem } from "./node-file-system.js";
