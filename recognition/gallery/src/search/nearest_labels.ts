/**
 * Return the labels with the spelling nearest to `text`, nearest first: labels that contain the text, then labels that
 * differ in a few characters.
 */
export function nearestLabels(text: string, labels: string[], limit: number): string[] {
  const wanted = text.toLowerCase();
  const maxDistance = Math.max(2, Math.floor(wanted.length / 2)); // a larger distance means another word
  return labels
    .map((label) => {
      const candidate = label.toLowerCase();
      return { label, distance: candidate.includes(wanted) ? 0 : editDistance(wanted, candidate) };
    })
    .filter(({ distance }) => distance <= maxDistance)
    .sort((a, b) => a.distance - b.distance || a.label.localeCompare(b.label))
    .slice(0, limit)
    .map(({ label }) => label);
}

/** Count the characters to add, remove or replace to turn one word into the other (Levenshtein distance). */
function editDistance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, column) => column);
  for (let i = 1; i <= one.length; i++) {
    const next = [i];
    for (let j = 1; j <= other.length; j++) {
      const replaced = row[j - 1]! + (one[i - 1] === other[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row.at(-1)!;
}
