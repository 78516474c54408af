import { storageContract } from "../../../tests/contracts/storage.js";
import { memoryStorage } from "../src/index.js";

storageContract("memoryStorage", () => {
  const storage = memoryStorage();
  return { storage: () => storage };
});
