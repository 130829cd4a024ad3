import manifest from '../package.json' with { type: 'json' };

/** Of Weir: all packages carry the same. */
export const VERSION: string = manifest.version;
