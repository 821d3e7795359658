'use strict';

// GraphiQL on /graphql, with the examples as tabs and in a panel, and on the demo a choice of whose token a tab has. What the
// server has to say is in the element #playground. A link may bring a query: /playground?query=…&variables=…
(async () => {
  const { createElement: e, useEffect, useRef, useState } = React;
  const { useEditorContext, useExecutionContext, useSchemaStore } = GraphiQL.React;
  const { examples, demoTokens, schema } = JSON.parse(document.getElementById('playground').textContent);
  const tabsAtFirst = 8; // as many as fit beside each other; the panel has all

  // lasting reports whether the browser lets pages keep something.
  function lasting() {
    try {
      localStorage.setItem('viewgate:lasting', '');
      localStorage.removeItem('viewgate:lasting');
      return true;
    } catch {
      return false;
    }
  }

  // inMemory is a storage that ends with the page.
  function inMemory() {
    const items = new Map();
    return {
      getItem: (key) => items.get(key) ?? null,
      setItem: (key, value) => void items.set(key, String(value)),
      removeItem: (key) => void items.delete(key),
      clear: () => items.clear(),
      get length() {
        return items.size;
      },
    };
  }

  // keptTab returns the tab that was open last. Tabs that are none of GraphiQL's are thrown away, which would fail on them.
  function keptTab() {
    try {
      const { tabs, activeTabIndex } = JSON.parse(storage.getItem('graphiql:tabState')) ?? { tabs: [] };
      if (tabs.every(({ query }) => query === null || typeof query === 'string') && (tabs.length === 0 || tabs[activeTabIndex])) {
        return tabs[activeTabIndex];
      }
    } catch {
      // it is damaged
    }
    storage.removeItem('graphiql:tabState');
    return undefined;
  }

  // What GraphiQL keeps, but for headers: they may hold a token, and its history would keep them.
  const storage = lasting() ? GraphiQL.createLocalStorage({ namespace: 'viewgate' }) : inMemory();
  const { setItem } = storage;
  storage.setItem = (key, value) =>
    setItem(key, value.startsWith('{') ? JSON.stringify(JSON.parse(value), (k, v) => (k === 'headers' ? null : v)) : value);

  // show opens the editor of variables or of headers, for which GraphiQL has nothing but its buttons.
  const show = (editor) => document.querySelector(`.graphiql-editor-tools [data-name=${editor}]:not(.active)`)?.click();

  // The tokens that this page was given, by the header that has them: whose each is.
  const given = new Map([[undefined, { role: 'nobody', id: '' }]]);

  async function tokenOf(role, id) {
    const response = await fetch(`/demo/token?${new URLSearchParams({ role, id })}`, { signal: AbortSignal.timeout(5_000) });
    const text = await response.text();
    if (!response.ok) {
      throw new Error(text);
    }
    given.set(`Bearer ${text}`, { role, id });
    return `Bearer ${text}`;
  }

  // headersOf reads the headers editor; what is no object of headers is none.
  function headersOf(text) {
    try {
      return { ...JSON.parse(text) };
    } catch {
      return {};
    }
  }

  const headersText = (headers) => (Object.keys(headers).length > 0 ? JSON.stringify(headers, null, 2) : '');

  // Token chooses whose token the current tab has, and shows whose it is.
  function Token({ untold }) {
    const { tabs, activeTabIndex, headerEditor } = useEditorContext({ nonNull: true });
    const [{ role, id }, setChosen] = useState({ role: 'support', id: '' });
    const [fault, setFault] = useState(untold);
    const asking = useRef(0); // choices whose token has not come: only the newest counts
    const latest = useRef(0);
    const tab = tabs[activeTabIndex];
    useEffect(() => {
      if (headerEditor && asking.current === 0) {
        setChosen(given.get(headersOf(headerEditor.getValue()).Authorization) ?? { role: 'other', id: '' });
      }
    }, [headerEditor, tab.id, tab.headers]);

    async function choose(chosen) {
      setChosen(chosen);
      if (chosen.role === 'other' || (chosen.id === '' && ['consumer', 'restaurant'].includes(chosen.role))) {
        return; // there will be one
      }
      const choice = ++latest.current;
      asking.current++;
      try {
        const authorization = chosen.role === 'nobody' ? undefined : await tokenOf(chosen.role, chosen.id);
        if (choice === latest.current) {
          const { Authorization: before, ...others } = headersOf(headerEditor.getValue());
          headerEditor.setValue(headersText(authorization ? { ...others, Authorization: authorization } : others));
          setFault('');
          show('headers');
        }
      } catch (error) {
        setFault(error.message);
      } finally {
        asking.current--;
      }
    }

    const option = (value, text) => e('option', { key: value, value }, text);
    return e('div', { className: 'token' },
      e('label', { htmlFor: 'token-role' }, 'As'),
      e('select', {
        id: 'token-role',
        value: role,
        title: 'Whose token this tab has, in its headers',
        onChange: ({ target: { value } }) => choose({ role: value, id: ['consumer', 'restaurant'].includes(value) ? '1' : '' }),
      },
        option('support', 'support'), option('consumer', 'consumer'), option('restaurant', 'restaurant'), option('nobody', 'nobody'),
        role === 'other' && option('other', 'who its headers say')),
      ['consumer', 'restaurant'].includes(role) && e('input', {
        value: id,
        'aria-label': `The ${role}'s id`,
        size: 4,
        onChange: ({ target: { value } }) => choose({ role, id: value.trim() }),
      }),
      fault && e('span', { role: 'alert' }, fault));
  }

  // Session brings a tab that is chosen into sight, with its variables, where it has any. It asks for the schema again when a tab has
  // got a token, where it could not be had without.
  function Session() {
    const { tabs, activeTabIndex, queryEditor } = useEditorContext({ nonNull: true });
    const { schema: known, introspect } = useSchemaStore();
    const { id, variables, headers } = tabs[activeTabIndex];
    useEffect(() => queryEditor?.setOption('lineWrapping', true), [queryEditor]);
    useEffect(() => {
      document.getElementById(`graphiql-session-tab-${activeTabIndex}`)?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
      if (variables && document.querySelector('.graphiql-editor-tools .active')) {
        show('variables');
      }
    }, [id]);
    useEffect(() => {
      if (!known && headersOf(headers).Authorization) {
        introspect();
      }
    }, [headers]);
    return null;
  }

  const Icon = () => e('svg', { viewBox: '0 0 24 24', fill: 'none', stroke: 'currentColor', strokeWidth: 1.5 },
    e('path', { d: 'M9 3h6M10 3v6L4.5 18.5A1.7 1.7 0 0 0 6 21h12a1.7 1.7 0 0 0 1.5-2.5L14 9V3M7.5 14h9' }));

  // Examples lists all examples. It opens one in a tab of its own, as the current tab's user, or the tab that has it already.
  function Examples() {
    const { tabs, activeTabIndex, changeTab, moveTab, headerEditor } = useEditorContext({ nonNull: true });
    const { stop } = useExecutionContext({ nonNull: true });

    function open({ name, query, variables }) {
      const at = tabs.findIndex((tab) => tab.query === query);
      stop();
      if (at < 0) {
        const headers = headerEditor?.getValue() ?? null;
        moveTab([...tabs, {
          id: `${name}-${Date.now()}`, hash: null, title: name, operationName: name, query, variables, headers, response: null,
        }]);
      }
      changeTab(at < 0 ? tabs.length : at);
    }

    return e('section', { className: 'examples', 'aria-label': 'Examples' },
      e('div', { className: 'graphiql-doc-explorer-title' }, 'Examples'),
      e('ol', null, examples.map((example) => e('li', { key: example.name },
        e('button', {
          type: 'button',
          'aria-current': tabs[activeTabIndex].query === example.query ? 'true' : undefined,
          onClick: () => open(example),
        }, e('b', null, example.title), e('code', null, example.name))))));
  }

  // newest hands on the newest of a subscription's messages, ten in a second at most. GraphiQL shows none but the last, and where there
  // are many, drawing each would leave the page no time for anything else.
  function newest(messages) {
    const source = messages[Symbol.asyncIterator]();
    let held, ended;
    let wake = () => {};
    const take = (result) => {
      if (result.done) {
        ended = result;
      } else {
        held = result;
        source.next().then(take, fail);
      }
      wake();
    };
    const fail = (error) => take({ done: true, error });
    source.next().then(take, fail);
    return {
      [Symbol.asyncIterator]() {
        return this;
      },
      async next() {
        await new Promise((resolve) => setTimeout(resolve, 100));
        if (!held && !ended) {
          await new Promise((resolve) => { wake = resolve; });
        }
        const result = held ?? ended;
        held = undefined;
        if (result.error) {
          throw result.error;
        }
        return result;
      },
      return: () => source.return(),
    };
  }

  const plugin = { title: 'Examples', icon: Icon, content: Examples };
  const link = new URLSearchParams(location.search);
  const linked = link.get('query') && { query: link.get('query'), variables: link.get('variables') ?? '' };
  const shown = linked ?? keptTab() ?? examples[0]; // by itself GraphiQL finds no tab again that was not edited
  history.replaceState(null, '', location.pathname); // reloading it would open the query once more, beside what became of it

  const socket = new URL('/graphql', location.href);
  socket.protocol = socket.protocol.replace('http', 'ws');
  const send = GraphiQL.createFetcher({
    url: '/graphql',
    subscriptionUrl: socket.href,
    headers: { accept: 'multipart/mixed;deferSpec=20220824, application/json' },
  });
  const headers = {};
  let untold = ''; // why there is no token to begin with
  if (demoTokens) {
    try {
      headers.Authorization = await tokenOf('support', '');
    } catch (error) {
      untold = `There is no token: ${error.message}`;
    }
  }

  async function fetcher(params, options) {
    if (params.operationName === 'IntrospectionQuery') {
      return send(params, { ...options, headers: options?.headers ?? headers }); // there may be no headers editor yet
    }
    const answer = await send({ ...params, extensions: { cost: true } }, options);
    const subscribes = options?.documentAST?.definitions.some(({ operation, name }) =>
      operation === 'subscription' && (!params.operationName || params.operationName === name?.value));
    return subscribes ? newest(answer) : answer;
  }

  ReactDOM.createRoot(document.getElementById('graphiql')).render(e(GraphiQL, {
    fetcher,
    storage,
    schema: schema ? undefined : null, // null: it is not asked for
    defaultTabs: [...(linked ? [linked] : []), ...examples.slice(0, tabsAtFirst)],
    query: shown.query ?? '',
    variables: shown.variables ?? '',
    defaultQuery: '# Ctrl-Enter runs, Ctrl-Space completes. The flask at the left has examples.\n\n',
    defaultHeaders: headersText(headers),
    isHeadersEditorEnabled: true,
    shouldPersistHeaders: false,
    defaultEditorToolsVisibility: true,
    plugins: [plugin],
  },
    e(GraphiQL.Logo, null, e(Session), demoTokens && e(Token, { untold }),
      e('a', { href: '/', className: 'home', title: 'Search orders' }, 'viewgate'))));
})();
