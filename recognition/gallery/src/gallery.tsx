/** The pictures. */
export function Gallery() {
  return <h1>Sightline</h1>;
}
