import { defineConfig } from "vite";

// The page is at …/gallery, and its files are at …/gallery/NAME. The stage before that may have any name.
export default defineConfig({
  experimental: {
    renderBuiltUrl: (name, { hostType }) => (hostType === "html" ? `gallery/${name}` : { relative: true }),
  },
  build: {
    assetsDir: "",
    assetsInlineLimit: 0, // the page's policy allows no data: URLs
    license: { fileName: "licenses.txt" }, // the licences require that their texts are included
    modulePreload: { polyfill: false },
    target: "es2022",
  },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
});
