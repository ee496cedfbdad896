/**
 * The characters of a text that readers cannot see, or that change the writing direction, such as controls and line
 * ends. Blanks are not among them, because readers see them: macOS writes a narrow blank into the names of screenshots.
 * `common/runtime/visible_text.py` has the same rule for the CLI and for mails.
 */
const HIDDEN_CHARACTER = /([\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800])/u;
const HIDDEN_CHARACTERS = new RegExp(HIDDEN_CHARACTER, "gu");

/** The blocks of letters that are written from right to left. https://www.unicode.org/reports/tr9/#Bidirectional_Character_Types */
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;
const [FIRST_STRONG_ISOLATE, POP_DIRECTIONAL_ISOLATE] = ["\u2068", "\u2069"];

/** Return the code point of a character, such as "U+202E". */
export const codePoint = (character: string) =>
  `U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}`;

/** Return the text with each hidden character as its code point, such as "<U+202E>". For attributes. */
export const visible = (text: string) => text.replace(HIDDEN_CHARACTERS, (character) => `<${codePoint(character)}>`);

/** Return the visible text for use in a sentence. Its writing direction does not change the sentence's. */
export function quoted(text: string): string {
  const shown = visible(text);
  return RIGHT_TO_LEFT.test(shown) ? `${FIRST_STRONG_ISOLATE}${shown}${POP_DIRECTIONAL_ISOLATE}` : shown;
}

/** Split a text. Each part with an odd index is one hidden character. */
export const splitAtHidden = (text: string) => text.split(HIDDEN_CHARACTER);
