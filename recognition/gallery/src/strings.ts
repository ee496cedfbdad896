/** Everything that the page says. */

const LANGUAGE = "en";
const FORMATS = "JPEG, PNG, WebP, AVIF, HEIC, GIF, TIFF or BMP";

const whole = new Intl.NumberFormat(LANGUAGE);
const fine = new Intl.NumberFormat(LANGUAGE, { maximumFractionDigits: 1, minimumFractionDigits: 1 });
const moment = new Intl.DateTimeFormat(LANGUAGE, { dateStyle: "medium", timeStyle: "short" });
const megabytes = new Intl.NumberFormat(LANGUAGE, { maximumFractionDigits: 1 });

const count = (number: number, one: string, many: string) => `${whole.format(number)} ${number === 1 ? one : many}`;
const pictures = (number: number) => count(number, "picture", "pictures");
const size = (bytes: number) =>
  bytes < 100_000 ? `${whole.format(Math.ceil(bytes / 1000))} kB` : `${megabytes.format(bytes / 1_000_000)} MB`;
const time = (text: string) => moment.format(new Date(text));
const percent = (value: number) => `${fine.format(value)} %`;

export const strings = {
  title: "Sightline",
  titleOf: (what: string) => `${what} · Sightline`,
  skip: "Skip to the pictures",
  home: "Sightline, all pictures",
  size,
  time,
  percent,

  // the key
  keyTitle: "Your pictures, and what is in them",
  keyAbout: "Enter the API key to see them.",
  key: "API key",
  keySend: "Open the gallery",
  keyWrong: "This key is not valid.",
  keyRefused: "This key is no longer valid. Enter the current one.",
  needsKey: "an API key is needed",
  keyKeep: "Keep the key on this device",
  keyNotKept: "The key stays in this tab, and is forgotten when you close it.",
  keyKept: "Everyone who uses this browser can open the gallery until you sign out.",
  keySource: "To get the key, run this in the folder that Sightline was started or deployed from:",
  copy: "Copy",
  copyNamed: (text: string) => `Copy ${text}`,
  copied: "Copied",
  selected: "Selected: copy it with Ctrl+C",
  signOut: "Sign out",
  signOutAbout: "Sign out: forget the key, in this tab and on this device",

  // the grid
  pictures: "Pictures",
  gridKeys: "Arrow keys move, Enter opens, Delete deletes, / goes to the search field.",
  loading: "Loading …",
  loaded: (number: number) => `${pictures(number)} shown`,
  loadedSoFar: (number: number) => `${pictures(number)} so far`,
  news: (number: number) => `${count(number, "new picture", "new pictures")} ↑`,
  newsToSay: (number: number) => count(number, "new picture", "new pictures"),
  nothing: "No pictures yet",
  nothingAbout: "Drop pictures here, paste them, or choose “Add pictures”.",
  nothingFound: "Nothing found",
  nothingFoundAbout: "No picture matches this search. Remove a label, search for any of them, or lower the confidence.",
  unknownLabel: (label: string) => `No picture has the label “${label}”.`,
  nearestLabels: "The nearest labels:",
  frequentLabels: "The most frequent labels:",
  failedBadge: "Failed",
  pendingBadge: "Recognising …",
  noLabels: "Nothing recognised",
  noPreview: "No preview yet",
  noThumbnail: "No preview: there is no thumbnail",
  thumbnailFails: "No preview: the thumbnail does not load",
  sure: (value: number) => `${percent(value)} sure`,
  again: "Try again",
  problem: (words: string) => `That did not work: ${words}`,

  // the search
  search: "Search for labels",
  searchHint: "Search for labels, such as Dog",
  searchMore: "and …",
  suggestions: "Labels",
  images: (number: number) => pictures(number),
  suggestionsFound: (number: number) => count(number, "label fits", "labels fit"),
  noSuggestion: (text: string) => `No label begins with “${text}”`,
  removeLabel: (label: string) => `Do not search for ${label}`,
  match: "Pictures with",
  all: "all",
  any: "any",
  allLabels: "All of the labels",
  anyLabels: "Any of the labels",
  exclude: "Leave out pictures with a label",
  excludeHint: "without …",
  removeExcluded: (label: string) => `Do not leave out ${label}`,
  confidence: "Confidence",
  atLeast: (value: number) => `at least ${value} %`,
  anyConfidence: "any",
  clear: "Show all pictures",
  cloud: "What is in the pictures",
  cloudEntry: (label: string, number: number) => `${label}, ${pictures(number)}`,
  number: (number: number) => whole.format(number),

  // one picture
  back: "Close",
  previous: "Previous picture",
  following: "Next picture",
  unknownPicture: "There is no picture of this name, or it is not recognised yet.",
  converting: "The picture does not load as it is. Looking for a converted copy …",
  cannotShow: "The picture does not load: the connection is lost, or this browser does not know its format.",
  alternative: (image: string, labels: string[]) =>
    labels.length ? `${image}: ${labels.join(", ")}` : `${image}`,
  recognized: "Recognised",
  failure: (message: string, code: string) => `Failed: ${message} (${code})`,
  failedAt: "Failed",
  labels: "Labels",
  boxes: (number: number) => count(number, "box", "boxes"),
  withParents: (parents: string[]) => parents.join(" › "),
  searchFor: (label: string) => `Search for ${label}`,
  truncated: "Some boxes are left out: there were too many.",
  uploaded: "Uploaded",
  recognizedAt: "Recognised",
  fileSize: "Size",
  model: "Model",
  source: "From",
  direct: "an upload",
  deliveries: "Deliveries",
  noDeliveries: "none so far",
  delivery: (status: string, attempts: number) =>
    `${{ DELIVERED: "delivered", WAITING: "waiting for the next attempt", DEAD: "given up" }[status] ?? status}, ${count(attempts, "attempt", "attempts")}`,
  delete: "Delete",
  deleteNamed: (image: string) => `Delete ${image}`,

  // deletions
  deleted: (image: string) => `${image} is being deleted`,
  undo: "Undo",
  undoNamed: (image: string) => `Undo: keep ${image}`,
  undoKeys: "Ctrl+Z",
  notDeleted: (image: string, words: string) => `${image} was not deleted: ${words}`,
  dismiss: "Dismiss",

  // uploads
  add: "Add pictures",
  addTitle: "Add pictures",
  dropHere: "Drop pictures to add them",
  dropAbout: `Drop files anywhere on the page, or paste them: ${FORMATS}.`,
  choose: "Choose files …",
  url: "Address of a picture",
  urlHint: "https://…",
  addUrl: "Add",
  uploads: "Uploads",
  uploadsGoing: (number: number) => `Adding ${pictures(number)} …`,
  clearUploads: "Clear finished",
  dropUpload: (title: string) => `Remove ${title} from the list`,
  stopUpload: (title: string) => `Do not add ${title}`,
  waiting: "Waiting",
  fetching: "Fetching …",
  sending: (part: number) => `${Math.floor(part * 100)} %`,
  sendingNamed: (title: string) => `Sending ${title}`,
  recognizing: "Recognising …",
  stalled: "The upload made no progress. Check the connection.",
  late: "Stored. It appears here when it is recognised.",
  seen: (labels: string[]) => (labels.length ? labels.join(", ") : "Nothing recognised"),
  wasThere: (words: string) => `Already there. ${words}`,
  failedToSay: (title: string, words: string) => `${title}: ${words}`,
  taken: "Another picture has this name.",
  otherName: "Another name",
  addAs: "Use this name",
  replace: "Replace",
  manyTaken: (number: number) => `${whole.format(number)} names belong to other pictures. For all of these files:`,
  skipAll: "Skip all",
  replaceAll: "Replace all",
  keepBoth: "Keep both",
  skipped: "Skipped: another picture has this name.",
  openPicture: (title: string) => `Open ${title}`,
  notTaken: `Not added: this file is not ${FORMATS}.`,
  tooLarge: (bytes: number, most: number) => `Not added: the file has ${size(bytes)}. The limit is ${size(most)}.`,
  refusedByStore: (reason: string) => `The store refused the file: ${reason}`,

  // errors
  unreachable: "The service cannot be reached. Check the connection.",
  noWords: (status: number) => `The service answered with status ${status}.`,
};
