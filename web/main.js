// @ts-check

// Every address is relative to where this file came from: the dashboard works below any prefix.
const root = new URL('..', import.meta.url);
const answer = await fetch(new URL('v1/status', root));
const page = document.getElementById('page');
if (page) page.textContent = answer.ok ? (await answer.json()).name : answer.statusText;
