import { SynodError } from "@synod/interface";

/**
 * Without one of its codecs each call of a client or server would fail for itself.
 * @throws SynodError `InvalidArgument`
 */
export function checkCodec(name: string, codec: unknown): void {
  if (typeof codec === "function")
    throw new SynodError(
      "InvalidArgument",
      `${name} is a function: call it, as in ${name}: ${codec.name || "codec"}()`,
    );
  const { encode, decode } = (codec ?? {}) as { readonly encode?: unknown; readonly decode?: unknown };
  if (typeof encode === "function" && typeof decode === "function") return;
  const fix = "give the codecs of the state machine, as in ...coordinationCodecs()";
  throw new SynodError(
    "InvalidArgument",
    codec === undefined ? `${name} is missing: ${fix}` : `${name} has no encode and decode: ${fix}`,
  );
}
