/**
 * Versions that a node supports, or that are in force in a cluster: positive integers that never fall. Those in force are part of the
 * replicated state, and raised by a logged command once every member supports more.
 */
export interface Versions {
  /** Of the frames between replicas. A release reads and writes its own and the one before. */
  readonly wire: number;
  /** Of what stands in the log and in snapshots. A release reads its own and all before. */
  readonly log: number;
  /** Of the user's state machine, which supports all from 1 to its own. */
  readonly machine: number;
}
