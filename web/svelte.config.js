import adapter from '@sveltejs/adapter-static';

/** A single page served by the Saqshy binary for every address that is not the API. */
export default {
  kit: {
    adapter: adapter({ pages: 'build', assets: 'build', fallback: 'index.html', strict: false }),
    alias: { $locales: '../locales' },
    // The document may be asked for below any path, so its assets are named from the root.
    paths: { relative: false },
    output: { preloadStrategy: 'modulepreload' },
    version: { name: '1', pollInterval: 0 }
  }
};
