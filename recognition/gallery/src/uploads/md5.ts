import { md5 } from "@noble/hashes/legacy.js";
import { bytesToHex } from "@noble/hashes/utils.js";

const CHUNK_BYTES = 256 * 1024; // between two chunks the page handles events

/** Return the MD5 of a file in hexadecimal, as in S3's ETag. Browsers' WebCrypto has no MD5. */
export async function md5Of(file: Blob, signal: AbortSignal): Promise<string> {
  const hash = md5.create();
  for (let start = 0; start < file.size; start += CHUNK_BYTES) {
    hash.update(new Uint8Array(await file.slice(start, start + CHUNK_BYTES).arrayBuffer()));
    signal.throwIfAborted();
  }
  return bytesToHex(hash.digest());
}
