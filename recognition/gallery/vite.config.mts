import { defineConfig } from "vite";

// The page is at …/gallery and what it loads beside it at …/gallery/NAME, whatever the stage before is called.
export default defineConfig({
  experimental: {
    renderBuiltUrl: (name, { hostType }) => (hostType === "html" ? `gallery/${name}` : { relative: true }),
  },
  build: {
    assetsDir: "",
    assetsInlineLimit: 0, // the page's policy allows no data: URLs
    license: { fileName: "licenses.txt" }, // the licences want their texts to come along
    modulePreload: { polyfill: false },
    target: "es2022",
  },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
});
