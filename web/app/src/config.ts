/** What the server says of itself, in the page's head. */
export interface Config {
  /** How people say who they are: with "demo" the page can fetch itself tokens. */
  auth: 'none' | 'demo' | 'jwt';
  /** There are example services behind it, of which one can order. */
  demo: boolean;
  /** There is a playground. */
  playground: boolean;
  version: string;
}

function read(): Config {
  const told = document.querySelector<HTMLMetaElement>('meta[name=viewgate]')?.content ?? '';
  if (import.meta.env.DEV) {
    return { auth: 'none', demo: true, playground: true, version: 'development' };
  }
  return JSON.parse(told) as Config;
}

export const config = read();
