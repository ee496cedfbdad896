const FIRST_RETRY_MS = 600;

export const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Wait before the next request for a file that the system may still be making. Each pause is longer than the last. */
export const pauseBeforeRetry = (attempts: number) => pause(FIRST_RETRY_MS * 1.6 ** attempts);
