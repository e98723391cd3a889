// Follows a stream with the package `eventsource` and prints a line for what it hears. The package
// is npm's from beside this file, else Debian's node-eventsource:
//
//   connected <id>    each time it is connected
//   event <id>        an event of the journal
//   gap <data>        which never should be
//
//   node client.mjs <url> <token>
const library = await import('eventsource').catch(
  () => import('/usr/share/nodejs/eventsource/lib/eventsource.js'),
);
const EventSource = library.EventSource ?? library.default;

const [url, token] = process.argv.slice(2);

// The package's timer for a reconnect does not keep a process alive; this one does.
setInterval(() => {}, 2 ** 30);

const source = new EventSource(url, {
  headers: { Authorization: `Bearer ${token}` }, // read by major version 2, `fetch` by later ones
  fetch: (input, init) =>
    fetch(input, { ...init, headers: { ...init.headers, Authorization: `Bearer ${token}` } }),
});

source.addEventListener('connected', (event) => console.log(`connected ${event.lastEventId}`));
source.addEventListener('gap', (event) => console.log(`gap ${event.data}`));
source.onmessage = (event) => {
  const { seq } = JSON.parse(event.data);
  console.log(String(seq) === event.lastEventId ? `event ${seq}` : `mismatch ${event.data}`);
};
source.onerror = (event) => {
  console.error(`error ${event.code ?? event.status ?? ''} ${event.message ?? ''}`);
  if (source.readyState === EventSource.CLOSED) {
    console.log('closed for good');
    process.exit(1);
  }
};
