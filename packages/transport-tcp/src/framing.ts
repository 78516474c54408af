export { FRAME_HEADER_BYTES, type FrameDecoder, type FrameDecoderOptions, frameDecoder, frameHeader } from "./tcp/framing.js";
