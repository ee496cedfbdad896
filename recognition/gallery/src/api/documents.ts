/** The JSON documents of the three services. The services' `openapi.json` files describe them. */

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

/** A picture in a list. */
export interface ListEntry {
  image: string;
  labels: string[];
  status: "RECOGNIZED" | "FAILED";
  failure: Failure | null;
  uploaded_at: string;
  /** Present once the thumbnail exists. A file that is not a picture never has one. */
  thumbnail_url?: string;
  /** Present only in the results of a search. */
  confidence?: number;
  /** Present, and true, if the setting `hide_moderated` names one of the picture's moderation labels. */
  hidden?: boolean;
}

/** A rectangle in fractions of the upright picture's width and height. */
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

/** A point in fractions of the upright picture's width and height. */
export interface Point {
  x: number;
  y: number;
}

/** The answer of one ability: what it found, or why it can never answer. */
export interface AbilityResult<Finding> {
  status: "done" | "failed";
  failure: Failure | null;
  found: Finding[];
  truncated: boolean;
}

export interface FoundText {
  text: string;
  type: "line" | "word";
  id: number;
  confidence: number;
  box: Box;
  /** Missing if the record was too large. */
  polygon?: Point[];
}

export interface ModerationLabel {
  name: string;
  parent: string | null;
  confidence: number;
}

export interface Face {
  confidence: number;
  box: Box;
  /** Only the attributes that the setting names. */
  attributes: Record<string, unknown>;
}

export interface Celebrity {
  name: string;
  confidence: number;
  box: Box;
}

/** The results of the abilities that were asked about a picture. */
export interface AbilityResults {
  text?: AbilityResult<FoundText>;
  moderation?: AbilityResult<ModerationLabel>;
  faces?: AbilityResult<Face>;
  celebrities?: AbilityResult<Celebrity>;
}

/** The complete record of a picture. Its URLs expire after some minutes. */
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
  /** The `request_id` of the call that uploaded the picture. */
  correlation_id: string | null;
  labels: Label[];
  truncated: boolean;
  /** Present only if abilities were asked about the picture. */
  abilities?: AbilityResults;
  hidden?: boolean;
  picture_url: string;
  thumbnail_url?: string;
  /** Present once the converted copy exists. Only formats that browsers cannot show get one. */
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

/** The kinds of names under which pictures are found. The API has a search parameter for each. */
export const KINDS = ["label", "text", "celebrity", "moderation"] as const;
export type Kind = (typeof KINDS)[number];

/** A name to search for. A text may end with `*`. */
export interface Term {
  kind: Kind;
  name: string;
}

export interface SearchQuery {
  terms: Term[];
  match: "all" | "any";
  exclude: string[];
  /** The minimum confidence in percent. */
  confidence: number;
}

/** One page of a list, and the URL of the next page. */
export interface Page<T = ListEntry> {
  entries: T[];
  next: string | null;
}

/** The body of `POST /uploads`. */
export interface FileToUpload {
  name: string;
  content_type: string;
  md5?: string;
}

/** The form that uploads a file to the bucket. */
export interface UploadForm {
  url: string;
  fields: Record<string, string>;
  max_bytes: number;
  request_id: string;
}

/** A picture that the service fetched and stored. */
export interface StoredPicture {
  image: string;
  /** The call that stored the picture; null if the bucket held the same bytes before. */
  request_id: string | null;
}
