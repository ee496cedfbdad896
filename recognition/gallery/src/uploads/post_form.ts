import type { UploadForm } from "../api/documents";
import { strings } from "../strings";

/** A failure that sending the same file again cannot fix. */
export class FinalError extends Error {}

/** Post a file to the bucket with its form. Uses XMLHttpRequest, because `fetch` does not report the progress. */
export function postForm(
  form: UploadForm,
  file: File,
  signal: AbortSignal,
  onProgress: (part: number) => void,
): Promise<void> {
  const body = new FormData();
  for (const [name, value] of Object.entries(form.fields)) body.append(name, value);
  body.append("file", file);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.upload.onprogress = (event) => onProgress(event.loaded / event.total);
    request.onload = () => (request.status < 300 ? resolve() : reject(refusal(request)));
    request.onerror = () => reject(new Error(strings.unreachable));
    request.onabort = () => reject(signal.reason);
    signal.addEventListener("abort", () => request.abort());
    request.open("POST", form.url);
    request.send(body);
  });
}

/** Return the error of a refused form. A new form replaces an expired one (403), but not one with wrong data (400). */
function refusal(request: XMLHttpRequest): Error {
  const reason = /<Message>([^<]*)</.exec(request.responseText)?.[1];
  const message = reason ? strings.refusedByBucket(reason) : strings.failedStatus(request.status);
  return request.status === 400 ? new FinalError(message) : new Error(message);
}
