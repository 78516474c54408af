export { messageCodec, type MessageCodecOptions } from "./message-codec.js";
export { msgpackCodec, type MsgpackCodecOptions } from "./msgpack-codec.js";
