/** The three services, as the page calls them. Their openapi.json say what is taken and answered. */

import { signal } from "@preact/signals";
import { strings } from "./strings";

export interface Endpoints {
  upload: string;
  labels: string;
  deliveries: string;
  auth: "api_key" | "none";
}

export interface Failure {
  code: string;
  message: string;
}

/** A picture in a list; `confidence` only in searches. */
export interface Entry {
  image: string;
  labels: string[];
  status: "RECOGNIZED" | "FAILED";
  failure: Failure | null;
  uploaded_at: string;
  /** There once it is made; never, of what is no picture. */
  thumbnail_url?: string;
  confidence?: number;
}

/** In fractions of the upright picture's sides. */
export interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

export interface Label {
  name: string;
  confidence: number;
  parents: string[];
  categories: string[];
  instances: { confidence: number; box: Box }[];
}

/** All that is known of a picture. Its addresses are good for minutes. */
export interface Picture {
  image: string;
  status: "RECOGNIZED" | "FAILED";
  failure: Failure | null;
  uploaded_at: string;
  recognized_at: string;
  version_id: string | null;
  size: number | null;
  source_url: string | null;
  model: string | null;
  /** The `request_id` of the call that it was uploaded by. */
  correlation_id: string | null;
  labels: Label[];
  truncated: boolean;
  picture_url: string;
  thumbnail_url?: string;
  /** There once it is made; never, of what browsers show as it is, and of what is no picture. */
  rendition_url?: string;
}

export interface Delivery {
  event_id: string;
  receiver: string;
  event: string;
  status: "DELIVERED" | "WAITING" | "DEAD";
  attempts: number;
  last_answer: string | null;
  last_attempt_at: string | null;
}

export interface LabelCount {
  label: string;
  images: number;
}

export interface Search {
  labels: string[];
  match: "all" | "any";
  exclude: string[];
  confidence: number;
}

/** Part of a list, and the address of the next one. */
export interface Page<T = Entry> {
  entries: T[];
  next: string | null;
}

/** What POST /uploads takes of a file. */
export interface FileToUpload {
  name: string;
  content_type: string;
  md5?: string;
}

/** Where the bytes of a file are to be posted. */
export interface Form {
  url: string;
  fields: Record<string, string>;
  max_bytes: number;
  request_id: string;
}

/** The picture, and the call that stored it; null if the same bytes were there already. */
export interface Stored {
  image: string;
  request_id: string | null;
}

/** An answer that is no success, in words for people; status 0 where there was no answer at all. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }

  /** Whether the same call may succeed later. */
  get isTransient(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

const KEPT = "sightline.api-key";
const ATTEMPTS = 4;
const FIRST_PAUSE = 300;

export const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

export class Api {
  /** Whether a key is to be asked for, and whether that is because one was refused. */
  readonly needsKey = signal<"no" | "first" | "refused">("no");
  /** Whether callers show a key at all. */
  readonly hasKeys: boolean;
  private key: string | null;

  constructor(private readonly endpoints: Endpoints) {
    this.hasKeys = endpoints.auth === "api_key";
    this.key = this.hasKeys ? (sessionStorage.getItem(KEPT) ?? localStorage.getItem(KEPT)) : null;
    if (this.hasKeys && !this.key) this.needsKey.value = "first";
    addEventListener("storage", ({ key, oldValue, newValue }) => {
      const isForgotten = key === KEPT && oldValue === this.key && newValue === null; // another tab has signed out
      if (isForgotten && !sessionStorage.getItem(KEPT)) leave();
    });
  }

  /** Use this key from now on, if the service accepts it; keep it in this tab, or on this device. */
  async unlock(key: string, isKept: boolean): Promise<void> {
    // Other characters, some of them unseen, come along when keys are copied; no header could hold them.
    if (!/^[\x21-\x7e]+$/.test(key)) throw new ApiError(403, "Forbidden", strings.keyWrong);
    await this.call("GET", `${this.endpoints.labels}/?limit=1`, { key, attempts: 1 });
    this.key = key;
    (isKept ? localStorage : sessionStorage).setItem(KEPT, key);
    this.needsKey.value = "no";
  }

  /** Forget the key, here and on this device, and load the page without it. */
  signOut() {
    for (const store of [sessionStorage, localStorage]) store.removeItem(KEPT);
    leave();
  }

  newest(limit: number): Promise<Page> {
    return this.page(`${this.endpoints.labels}/?limit=${limit}&thumbnails=true`);
  }

  found(search: Search, limit: number): Promise<Page> {
    const query = new URLSearchParams({ limit: `${limit}`, thumbnails: "true", match: search.match });
    for (const label of search.labels) query.append("label", label);
    for (const label of search.exclude) query.append("exclude", label);
    if (search.confidence > 0) query.set("min_confidence", `${search.confidence}`);
    return this.page(`${this.endpoints.labels}/search?${query}`);
  }

  async page<T = Entry>(address: string): Promise<Page<T>> {
    const answer = await this.call("GET", address);
    const link = /<([^>]*)>;\s*rel="next"/.exec(answer.headers.get("link") ?? "")?.[1];
    return { entries: await answer.json(), next: link ? new URL(link, address).href : null };
  }

  /** The picture, or null while nothing is known of one of this name. */
  async picture(image: string): Promise<Picture | null> {
    try {
      const address = `${this.endpoints.labels}/images?name=${encodeURIComponent(image)}`;
      return await (await this.call("GET", address)).json();
    } catch (error) {
      if (error instanceof ApiError && error.code === "ImageNotFound") return null;
      throw error;
    }
  }

  async remove(image: string, keepalive: boolean): Promise<void> {
    await this.call("DELETE", `${this.endpoints.labels}/images/${pathOf(image)}`, { keepalive });
  }

  /** The first labels of the alphabet that begin like this. */
  async labels(prefix: string, limit: number): Promise<LabelCount[]> {
    const query = new URLSearchParams({ prefix, limit: `${limit}` });
    return (await this.page<LabelCount>(`${this.endpoints.labels}/labels?${query}`)).entries;
  }

  async allLabels(): Promise<LabelCount[]> {
    const all: LabelCount[] = [];
    for (let next: string | null = `${this.endpoints.labels}/labels?limit=1000`; next; ) {
      const page: Page<LabelCount> = await this.page<LabelCount>(next);
      all.push(...page.entries);
      next = page.next;
    }
    return all;
  }

  async deliveries(image: string): Promise<Delivery[]> {
    const query = new URLSearchParams({ image, limit: "20" });
    return (await this.call("GET", `${this.endpoints.deliveries}/deliveries?${query}`)).json();
  }

  /** A form for a file, or null if these bytes are stored under this name already. */
  async form(file: FileToUpload, overwrite: boolean, signal: AbortSignal): Promise<Form | null> {
    const answer = await this.call("POST", `${this.endpoints.upload}/uploads`, { body: { ...file, overwrite }, signal });
    return answer.status === 201 ? answer.json() : null;
  }

  /** Ask the service to fetch and store a picture. */
  async store(url: string, name: string | null, overwrite: boolean, signal: AbortSignal): Promise<Stored> {
    const body = { url, overwrite, ...(name ? { name } : {}) };
    const answer = await this.call("POST", `${this.endpoints.upload}/images`, { body, attempts: 1, signal });
    const { image, request_id }: { image: string; request_id: string } = await answer.json();
    return { image, request_id: answer.status === 201 ? request_id : null };
  }

  /** The answer, if it is a success. Transient failures are tried again; a refused key is asked for again. */
  private async call(
    method: string,
    address: string,
    {
      key = this.key,
      body = undefined as unknown,
      attempts = ATTEMPTS,
      keepalive = false,
      signal = null as AbortSignal | null,
    } = {},
  ): Promise<Response> {
    if (this.needsKey.value !== "no" && !key) throw new ApiError(403, "Forbidden", strings.needsKey);
    const headers: Record<string, string> = {};
    if (key) headers["x-api-key"] = key;
    if (body) headers["content-type"] = "application/json";
    const request: RequestInit = { method, headers, keepalive, signal, body: body ? JSON.stringify(body) : null };
    for (let attempt = 1; ; attempt++) {
      try {
        return await answerTo(address, request);
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        if (error.code === "Forbidden" && key === this.key) this.refuse();
        if (!error.isTransient || attempt >= attempts) throw error;
        await pause(FIRST_PAUSE * 2 ** (attempt - 1) * (0.5 + Math.random()));
      }
    }
  }

  private refuse() {
    for (const store of [sessionStorage, localStorage]) if (store.getItem(KEPT) === this.key) store.removeItem(KEPT);
    this.needsKey.value = this.key ? "refused" : "first";
    this.key = null;
  }
}

/** Load the page again, with nothing of this visit left. What waits for it, such as deletions, is sent before. */
function leave() {
  addEventListener("pageshow", (event) => event.persisted && location.reload()); // by the browser's way back
  location.replace(location.pathname);
}

/** The name as a path has it: slashes stand as they are, unless browsers would make another path of it. */
export function pathOf(image: string): string {
  const parts = image.split("/");
  if (parts.some((part) => ["", ".", ".."].includes(part))) return encodeURIComponent(image);
  return parts.map(encodeURIComponent).join("/");
}

async function answerTo(address: string, request: RequestInit): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(address, request);
  } catch {
    request.signal?.throwIfAborted();
    throw new ApiError(0, "Unreachable", strings.unreachable);
  }
  if (answer.ok) return answer;
  const document = await answer.json().catch(() => null);
  const { code = `${answer.status}`, message = strings.noWords(answer.status) } = document?.error ?? {};
  throw new ApiError(answer.status, code, message);
}

/** Where the services are: the page is told by its own service. */
export async function endpoints(): Promise<Endpoints> {
  return (await answerTo(new URL("gallery/endpoints.json", location.href).href, {})).json();
}

export const inWords = (error: unknown) => (error instanceof Error ? error.message : String(error));
