/**
 * MurmurHash3 x86_32: what turns a key into a place, so that every pod, and any program that copies the contract, gives
 * a user the same variant.
 *
 * Murmur rather than FNV-1a or a polynomial: every input bit must reach every output bit, or keys that differ in their
 * last character land on one variant. Built on `Math.imul`, it needs neither BigInt nor a native call. It is no
 * cryptographic hash: who may choose a key can choose a slot.
 *
 * A key is *bytes*, held in a string of one byte per character (Latin-1): the form in which metadata arrives, and
 * in which a message's bytes become a string without being decoded, so that invalid UTF-8 is a key like any other. The
 * bytes of metadata and of a protobuf string are the UTF-8 of what the sender meant, hence "the hash of the key's UTF-8".
 * Text that never was bytes (a name in a route file, an argument of the command line) becomes bytes by `keyFromText`.
 */

/** The key of a text: its UTF-8 bytes, one per character. ASCII is its own key; a lone surrogate becomes U+FFFD. */
export function keyFromText(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}

/**
 * MurmurHash3 x86_32 of a string that holds one byte per character: for keys. Allocates nothing.
 * A character above U+00FF is no byte: only its low eight bits count, so text goes through `murmur3Text` instead.
 *
 * Algorithm by Austin Appleby, in the public domain: https://github.com/aappleby/smhasher/blob/master/src/MurmurHash3.cpp
 * @returns 32 bits, unsigned.
 */
export function murmur3Latin1(bytes: string, seed: number): number {
  const length = bytes.length;
  const wholeWords = length & ~3;
  let hash = seed | 0;
  for (let i = 0; i < wholeWords; i += 4) {
    const word =
      (bytes.charCodeAt(i) & 0xff) |
      ((bytes.charCodeAt(i + 1) & 0xff) << 8) |
      ((bytes.charCodeAt(i + 2) & 0xff) << 16) |
      (bytes.charCodeAt(i + 3) << 24);
    hash = addWord(hash, word);
  }
  if (wholeWords < length) {
    let rest = 0;
    for (let i = length - 1; i >= wholeWords; i--) rest = (rest << 8) | (bytes.charCodeAt(i) & 0xff);
    hash ^= scramble(rest);
  }
  return finish(hash, length);
}

/** The same over a text's UTF-8 bytes: for names and salts, which people write. */
export function murmur3Text(text: string, seed: number): number {
  return murmur3Latin1(keyFromText(text), seed);
}

/** The same over the four bytes of a 32-bit number, lowest first: a table is filled without making strings. */
export function murmur3Word(word: number, seed: number): number {
  return finish(addWord(seed | 0, word), 4);
}

function addWord(hash: number, word: number): number {
  const mixed = hash ^ scramble(word);
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0;
}

function scramble(word: number): number {
  const spread = Math.imul(word, 0xcc9e2d51);
  return Math.imul((spread << 15) | (spread >>> 17), 0x1b873593);
}

/** Avalanche: a change in any bit flips each of the 32 with a chance near one half. */
function finish(hash: number, length: number): number {
  let bits = hash ^ length;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}
