/**
 * Whether the bytes are well-formed UTF-8 (RFC 3629: shortest forms, no surrogates, nothing above U+10FFFF) and do not begin
 * with U+FEFF, which text decoders take for a byte order mark and drop.
 */
export function isUtf8(bytes: Uint8Array, start: number, end: number): boolean {
  if (bytes[start] === 0xef && bytes[start + 1] === 0xbb && bytes[start + 2] === 0xbf && end - start >= 3) return false;
  let at = start;
  while (at < end) {
    const lead = bytes[at++] ?? 0;
    if (lead < 0x80) continue;
    const more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    if (lead < 0xc2 || lead > 0xf4 || at + more > end) return false;
    const second = bytes[at] ?? 0;
    const lowest = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
    const highest = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
    if (second < lowest || second > highest) return false;
    for (let i = 1; i < more; i++) if (((bytes[at + i] ?? 0) & 0xc0) !== 0x80) return false;
    at += more;
  }
  return true;
}

/** Whether a string survives the way through UTF-8 and msgpackr unchanged. */
export function isPlainText(text: string): boolean {
  // With the u flag a surrogate matches only if it stands alone.
  return !text.startsWith("\ufeff") && !/\p{Surrogate}/u.test(text);
}
