/** Version of this protocol. Both sides of a connection speak the same one. */
export const clientProtocolVersion = 1;

/** Longest frame before the handshake is done, both ways. */
export const handshakeFrameBytesMax: number = 16 * 1024;

/** What a frame from a client is. None of them means anything between replicas, so that a wrong port is noticed. */
export const requestKinds = {
  hello: 0x20,
  propose: 0x21,
  read: 0x22,
  watch: 0x23,
  cancel: 0x24,
  openSession: 0x25,
  closeSession: 0x26,
  admin: 0x27,
  ping: 0x28,
} as const;

/** What a frame to a client is. */
export const replyKinds = {
  welcome: 0x40,
  /** The connection ends, and why: in answer to a hello, or at any time later. */
  goodbye: 0x41,
  result: 0x42,
  failure: 0x43,
  opened: 0x44,
  watched: 0x45,
  leader: 0x46,
  pong: 0x47,
} as const;
