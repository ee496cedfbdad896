/** Sends requests, and turns every failure into an `ApiError`. */

import { visible } from "../shared/hidden_characters";
import { strings } from "../strings";

/** A failed request. `message` is for people; `status` is 0 if no answer arrived. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }

  /** True if the same request may succeed later. */
  get isTransient(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/** Return the answer to a request. Throws `ApiError` unless the answer is a success. */
export async function request(url: string, options: RequestInit = {}): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(url, options);
  } catch {
    options.signal?.throwIfAborted();
    throw new ApiError(0, "Unreachable", strings.unreachable);
  }
  if (answer.ok) return answer;
  const document = await answer.json().catch(() => null);
  const { code = `${answer.status}`, message = strings.failedStatus(answer.status) } = document?.error ?? {};
  throw new ApiError(answer.status, code, message);
}

/** Return the message of an error. It may come from a service, so its hidden characters become visible. */
export const errorMessage = (error: unknown) => visible(error instanceof Error ? error.message : String(error));
