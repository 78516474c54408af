import type { NodeId, SessionId, SynodError } from "@synod/interface";
import type { Role } from "./protocol/handshake.js";

/** What a client knows of its cluster. */
export interface ClientStatus {
  readonly cluster: string;
  /** `connecting`: no server is connected now. */
  readonly state: "connected" | "connecting" | "closed";
  /** As the servers say. */
  readonly leader: NodeId | null;
  /** Null before the first command. */
  readonly session: SessionId | null;
  /** Proposals and reads that have not ended, and their bytes with what each costs besides. */
  readonly calls: number;
  readonly callBytes: number;
  readonly servers: readonly ServerStatus[];
}

export interface ServerStatus {
  readonly address: string;
  readonly connected: boolean;
  readonly nodeId: NodeId | null;
  /** What this client may do there. */
  readonly role: Role | null;
  /** Why the last connection or attempt ended; null since one was accepted. */
  readonly failure: SynodError | null;
}
