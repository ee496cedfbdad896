/** The MD5 of a file, in hexadecimal digits: what S3 calls its ETag. Browsers' own WebCrypto has none. */

import { md5 } from "@noble/hashes/legacy.js";
import { bytesToHex } from "@noble/hashes/utils.js";

const CHUNK = 256 * 1024; // hashed at one go; between chunks the page answers to its user

export async function md5Of(file: Blob, signal: AbortSignal): Promise<string> {
  const hash = md5.create();
  for (let start = 0; start < file.size; start += CHUNK) {
    hash.update(new Uint8Array(await file.slice(start, start + CHUNK).arrayBuffer()));
    signal.throwIfAborted();
  }
  return bytesToHex(hash.digest());
}
