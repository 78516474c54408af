import type { NodeId, SessionId, SynodError } from "@synod/interface";

/** Changes worth a log line or a row on a screen. */
export type ClientEvent =
  | { readonly kind: "connected"; readonly server: string; readonly nodeId: NodeId }
  /** A connection ended; another one is tried. */
  | { readonly kind: "disconnected"; readonly server: string; readonly error: SynodError }
  /** A server could not be reached, or refuses this client: `error.code` says why. */
  | { readonly kind: "notConnected"; readonly server: string; readonly error: SynodError }
  | { readonly kind: "leader"; readonly leader: NodeId | null }
  /** The cluster forgot the session of this client; calls that were open in it end as `OutcomeUnknown`. */
  | { readonly kind: "sessionLost"; readonly session: SessionId };
