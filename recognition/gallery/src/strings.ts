/** Everything that the page says. */

const LANGUAGE = "en";

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
  keyAbout: "Enter the API key to look at them. It stays in this tab, and is forgotten when you close it.",
  key: "API key",
  keySend: "Open the gallery",
  keyWrong: "This key is not a valid one.",
  keyRefused: "The key is valid no longer. Please enter the one of today.",
  needsKey: "an API key is needed",

  // the grid
  pictures: "Pictures",
  gridKeys: "Arrow keys move, Enter opens, Delete deletes, / goes to the search.",
  loading: "Loading …",
  loaded: (number: number) => `${pictures(number)} shown`,
  loadedSoFar: (number: number) => `${pictures(number)} so far`,
  news: (number: number) => `${count(number, "new picture", "new pictures")} ↑`,
  newsToSay: (number: number) => count(number, "new picture", "new pictures"),
  nothing: "No pictures yet",
  nothingAbout: "Drop some here, paste them, or add them by the button above.",
  nothingFound: "Nothing found",
  nothingFoundAbout: "No picture fits this search. Try fewer labels, any of them, or less confidence.",
  failedBadge: "Not recognised",
  pendingBadge: "Looking …",
  noLabels: "Nothing recognised",
  noThumbnail: "No preview",
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
  unknownPicture: "There is no picture of this name, or it was not looked at yet.",
  cannotShow: "The browser cannot show this picture.",
  alternative: (image: string, labels: string[]) =>
    labels.length ? `${image}: ${labels.join(", ")}` : `${image}`,
  recognized: "Recognised",
  failure: (message: string, code: string) => `This picture cannot be recognised: ${message} (${code})`,
  labels: "Labels",
  boxes: (number: number) => count(number, "box", "boxes"),
  withParents: (parents: string[]) => parents.join(" › "),
  searchFor: (label: string) => `Search for ${label}`,
  truncated: "There were too many boxes to keep.",
  nothingSeen: "Nothing was recognised in this picture.",
  uploaded: "Uploaded",
  recognizedAt: "Recognised",
  fileSize: "Size",
  model: "Model",
  source: "From",
  direct: "an upload",
  deliveries: "Deliveries",
  noDeliveries: "offered to nobody so far",
  delivery: (status: string, attempts: number) =>
    `${{ DELIVERED: "delivered", WAITING: "waiting, to be offered again", DEAD: "not taken" }[status] ?? status}, ${count(attempts, "attempt", "attempts")}`,
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
  dropAbout: "Drop files anywhere on the page, or paste them. JPEG, PNG, WebP, AVIF, HEIC, GIF, TIFF and BMP are taken.",
  choose: "Choose files …",
  url: "Address of a picture",
  urlHint: "https://…",
  addUrl: "Add",
  uploads: "Uploads",
  uploadsGoing: (number: number) => `Adding ${pictures(number)} …`,
  clearUploads: "Clear what is done",
  dropUpload: (title: string) => `Remove ${title} from the list`,
  stopUpload: (title: string) => `Do not add ${title}`,
  waiting: "Waiting",
  fetching: "Being fetched …",
  sending: (part: number) => `${Math.floor(part * 100)} %`,
  sendingNamed: (title: string) => `${title}, being sent`,
  recognizing: "Being looked at …",
  stalled: "Nothing of it could be sent for a while. Is there a connection?",
  late: "Stored. It is not looked at yet, and appears here when it is.",
  seen: (labels: string[]) => (labels.length ? labels.join(", ") : "Nothing recognised"),
  seenToSay: (title: string, labels: string[]) =>
    `${title}: ${labels.length ? labels.join(", ") : "nothing recognised"}`,
  failedToSay: (title: string, words: string) => `${title}: ${words}`,
  taken: "Another picture has this name.",
  otherName: "Another name",
  addAs: "Add as this",
  replace: "Replace it",
  openPicture: (title: string) => `Open ${title}`,
  notTaken: "This is no picture that is taken: JPEG, PNG, WebP, AVIF, HEIC, GIF, TIFF or BMP.",
  tooLarge: (bytes: number, most: number) => `It has ${size(bytes)}; at most ${size(most)} are taken.`,
  refusedByStore: (reason: string) => `The store refused it: ${reason}`,

  // errors
  unreachable: "The service cannot be reached. Is there a connection?",
  noWords: (status: number) => `The service answered with the status ${status}.`,
};
