import type { Ballot, StorageWrite, StoreFormat, Vote } from "@synod/interface";

export const format: StoreFormat = {
  clusterId: "cluster-a",
  nodeId: 2,
  founders: {
    epoch: 1,
    members: [{ id: 1 }, { id: 2, address: "127.0.0.1:1" }],
    alpha: 16,
    quorum: { kind: "majority" },
  },
};

export const ballot = (round: number, node = 1): Ballot => ({ round, node });
export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const vote = (slot: number, round: number, text: string): Vote => ({
  slot,
  ballot: ballot(round),
  value: bytes(text),
});
export const write = (part: Partial<StorageWrite>): StorageWrite => ({ votes: [], chosen: [], ...part });

export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of chunks) text += decoder.decode(chunk, { stream: true });
  return text;
}
