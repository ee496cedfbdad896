/** The labels that are written most like what was typed, the likest first: those with it in them, then misspellings. */
export function nearest(typed: string, labels: string[], limit: number): string[] {
  const wanted = typed.toLowerCase();
  const most = Math.max(2, Math.floor(wanted.length / 2)); // changes, or it is another word
  return labels
    .map((label) => ({ label, far: label.toLowerCase().includes(wanted) ? 0 : changes(wanted, label.toLowerCase()) }))
    .filter(({ far }) => far <= most)
    .sort((a, b) => a.far - b.far || a.label.localeCompare(b.label))
    .slice(0, limit)
    .map(({ label }) => label);
}

/** How many characters are to be added, removed or replaced to make one word of the other. */
function changes(one: string, other: string): number {
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
