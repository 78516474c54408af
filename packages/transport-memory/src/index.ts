export { type MemoryNetwork, type MemoryNetworkOptions, type MemoryTransport, memoryNetwork } from "./network.js";
