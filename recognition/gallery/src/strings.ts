/**
 * All texts of the page. The sentences quote names and labels so that hidden characters in them are visible. A `reason`
 * comes from `errorMessage`, which does the same.
 */

import { quoted, visible } from "./shared/hidden_characters";

const LANGUAGE = "en";
const FORMATS = "JPEG, PNG, WebP, AVIF, HEIC, GIF, TIFF or BMP";

const integers = new Intl.NumberFormat(LANGUAGE);
const percentages = new Intl.NumberFormat(LANGUAGE, { maximumFractionDigits: 1, minimumFractionDigits: 1 });
const megabytes = new Intl.NumberFormat(LANGUAGE, { maximumFractionDigits: 1 });
const times = new Intl.DateTimeFormat(LANGUAGE, { dateStyle: "medium", timeStyle: "short" });

const count = (number: number, one: string, many: string) =>
  `${integers.format(number)} ${number === 1 ? one : many}`;
const pictureCount = (number: number) => count(number, "picture", "pictures");
const newPictureCount = (number: number) => count(number, "new picture", "new pictures");
const percent = (value: number) => `${percentages.format(value)}%`;
const size = (bytes: number) =>
  bytes < 100_000 ? `${integers.format(Math.ceil(bytes / 1000))} kB` : `${megabytes.format(bytes / 1_000_000)} MB`;

export const strings = {
  title: "Sightline",
  titleOf: (content: string) => `${quoted(content)} · Sightline`,
  skip: "Skip to the pictures",
  home: "Sightline, all pictures",
  number: (number: number) => integers.format(number),
  percent,
  pictureCount,
  size,
  time: (text: string) => times.format(new Date(text)),

  // the key
  keyTitle: "Your pictures and their labels",
  keyAbout: "Enter the API key to see your pictures.",
  key: "API key",
  keySend: "Open the gallery",
  keyWrong: "This key is not valid.",
  keyRefused: "This key is no longer valid. Enter the current one.",
  keyMissing: "The service needs an API key.",
  keyKeep: "Keep the key on this device",
  keyNotKept: "The browser forgets the key when you close this tab.",
  keyKept: "Everyone who uses this browser can open the gallery until you sign out.",
  keySource: "To get the key, run this command in the folder where you started or deployed Sightline:",
  copy: "Copy",
  copyNamed: (text: string) => `Copy ${text}`,
  copied: "Copied",
  notCopied: "Not copied: this page may not use the clipboard. Select the text instead.",
  selected: "Selected. Press Ctrl+C to copy.",
  signOut: "Sign out",
  signOutAbout: "Sign out and forget the key on this device",

  // the grid
  pictures: "Pictures",
  gridKeys: "Arrow keys move, Enter opens, Delete deletes, / goes to the search field.",
  loading: "Loading …",
  loaded: (number: number) => `${pictureCount(number)} loaded`,
  loadedSoFar: (number: number) => `${pictureCount(number)} loaded so far`,
  newPictures: newPictureCount,
  newPicturesAbove: (number: number) => `${newPictureCount(number)} ↑`,
  noPictures: "No pictures yet",
  noPicturesHint: "Drop pictures here, paste them, or choose “Add pictures”.",
  nothingFound: "Nothing found",
  nothingFoundHint: "No picture matches this search. Remove a part of it, match any part, or lower the confidence.",
  unknownLabel: (label: string) => `No picture has the label “${quoted(label)}”.`,
  similarLabels: "Similar labels:",
  frequentLabels: "The most frequent labels:",
  failedBadge: "Failed",
  pendingBadge: "Recognising …",
  confidenceBadge: (value: number) => `${percent(value)} confidence`,
  noLabels: "No labels",
  noPreview: "No preview yet",
  noThumbnail: "No preview: the thumbnail is missing",
  thumbnailFails: "No preview: the thumbnail does not load",
  tryAgain: "Try again",
  problem: (reason: string) => `That did not work: ${reason}`,

  // the search
  kinds: { label: "label", text: "text", celebrity: "celebrity", moderation: "moderation" },
  term: (kind: "label" | "text" | "celebrity" | "moderation", name: string) =>
    kind === "label" ? name : `${kind}: ${name}`,
  search: "Search for labels",
  searchHint: "Search for labels, such as Dog",
  searchMore: "and …",
  suggestions: "Suggestions",
  suggestionsFound: (number: number) => count(number, "suggestion", "suggestions"),
  noSuggestion: (text: string) => `Nothing begins with “${quoted(text)}”`,
  removeLabel: (label: string) => `Remove ${quoted(label)} from the search`,
  match: "Match",
  all: "all",
  any: "any",
  allLabels: "All of the labels",
  anyLabels: "Any of the labels",
  exclude: "Exclude pictures with a label",
  excludeHint: "exclude …",
  removeExcluded: (label: string) => `Stop excluding ${quoted(label)}`,
  confidence: "Confidence",
  atLeast: (value: number) => `at least ${value}%`,
  anyConfidence: "any",
  clear: "Show all pictures",
  cloud: "The most frequent labels",
  cloudEntry: (label: string, number: number) => `${quoted(label)}, ${pictureCount(number)}`,

  // one picture
  close: "Close",
  previous: "Previous picture",
  next: "Next picture",
  unknownPicture: "No picture has this name, or it is not recognised yet.",
  converting: "This browser cannot show the original. Looking for a converted copy …",
  cannotShow: "The picture does not load. The connection is lost, or this browser cannot show its format.",
  alternative: (image: string, labels: string[]) => 
    [quoted(image), quoted(labels.join(", "))].filter(Boolean).join(": "),
  recognized: "Recognised",
  nothingRecognized: "Nothing recognised",
  failure: (message: string, code: string) => `Failed: ${visible(message)} (${visible(code)})`,
  failedAt: "Failed",
  labels: "Labels",
  boxes: (number: number) => count(number, "box", "boxes"),
  parents: (parents: string[]) => parents.map(quoted).join(" › "),
  searchFor: (label: string) => `Search for ${quoted(label)}`,
  truncated: "The picture has too many boxes. Some are missing here.",
  abilities: { text: "Text", moderation: "Moderation", faces: "Faces", celebrities: "Celebrities" },
  nothingFoundOf: (kinds: string[]) => `Nothing found: ${kinds.join(", ").toLowerCase()}`,
  findingsTruncated: "There are too many findings. Some are missing here.",
  face: (number: number) => `Face ${integers.format(number)}`,
  attribute: (name: string, value: unknown) =>
    `${visible(name).replaceAll("_", " ")}: ${value === true ? "yes" : value === false ? "no" : visible(String(value))}`,
  copyText: "Copy all text",
  hiddenPicture: "This picture may show unsafe content.",
  show: "Show",
  showNamed: (image: string) => `Show ${quoted(image)}`,
  uploaded: "Uploaded",
  recognizedAt: "Recognised",
  fileSize: "Size",
  model: "Model",
  source: "Source",
  direct: "an upload",
  deliveries: "Deliveries",
  noDeliveries: "none yet",
  delivery: (status: string, attempts: number) =>
    `${{ DELIVERED: "delivered", WAITING: "waiting for the next attempt", DEAD: "given up" }[status] ?? visible(status)}, ${count(attempts, "attempt", "attempts")}`,
  delete: "Delete",
  deleteNamed: (image: string) => `Delete ${quoted(image)}`,

  // deletions
  deleting: (image: string) => `Deleting ${quoted(image)}`,
  undo: "Undo",
  undoNamed: (image: string) => `Undo the deletion of ${quoted(image)}`,
  undoKeys: "Ctrl+Z",
  notDeleted: (image: string, reason: string) => `${quoted(image)} was not deleted: ${reason}`,
  dismiss: "Dismiss",

  // uploads
  add: "Add pictures",
  dropHere: "Drop pictures to add them",
  dropAbout: `Drop or paste files anywhere on the page. The formats are ${FORMATS}.`,
  choose: "Choose files …",
  url: "URL of a picture",
  urlHint: "https://…",
  addUrl: "Add",
  uploads: "Uploads",
  adding: (number: number) => `Adding ${pictureCount(number)} …`,
  clearUploads: "Clear finished",
  removeUpload: (title: string) => `Remove ${quoted(title)} from the list`,
  cancelUpload: (title: string) => `Cancel the upload of ${quoted(title)}`,
  waiting: "Waiting",
  fetching: "Fetching …",
  sending: (part: number) => `${Math.floor(part * 100)}%`,
  sendingNamed: (title: string) => `Sending ${quoted(title)}`,
  recognizing: "Recognising …",
  stalled: "The upload made no progress. Check the connection.",
  late: "Stored. The picture appears here after its recognition.",
  found: (labels: string[]) => (labels.length ? labels.map(quoted).join(", ") : strings.noLabels),
  alreadyStored: (outcome: string) => `Already stored. ${outcome}`,
  uploadNews: (title: string, news: string) => `${quoted(title)}: ${news}`,
  taken: "Another picture has this name.",
  otherName: "Another name",
  useName: "Use this name",
  replace: "Replace",
  namesTaken: (number: number) =>
    `${integers.format(number)} files have the names of other pictures. For all of these files:`,
  skipAll: "Skip all",
  replaceAll: "Replace all",
  keepBoth: "Keep both",
  skipped: "Skipped: another picture has this name.",
  openPicture: (title: string) => `Open ${quoted(title)}`,
  unsupported: `Not added: the file is not a picture of the formats ${FORMATS}.`,
  video: "Not added: the file is a video.",
  metadata: "Not added: macOS wrote this file, which describes another one.",
  tooLarge: (bytes: number, limit: number) => `Not added: the file has ${size(bytes)}. The limit is ${size(limit)}.`,
  refusedByBucket: (reason: string) => `The bucket refused the file: ${reason}`,

  // errors
  unreachable: "The service cannot be reached. Check the connection.",
  failedStatus: (status: number) => `The service answered with status ${status}.`,
};
