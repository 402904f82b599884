/* What a transcript's page does when scripts may run. Without them it is text and a player, and complete.
 *
 * The text of a paragraph is one piece until it comes near the window; then each word gets an element of its own. What a
 * word needs for that is in the JSON "words": for each paragraph [begin, length, lasts, pause, length, lasts, pause …],
 * times in milliseconds, lengths in UTF-16 units without the space that may follow, negative for a word of which the
 * recogniser was not sure. */
(function () {
  'use strict';

  const $ = (id) => document.getElementById(id);
  const data = (id) => JSON.parse($(id).textContent);
  const page = data('page');
  const say = page.words;
  const packed = data('words');
  const player = document.querySelector('audio, video');
  const bar = $('bar');
  const main = $('text');
  const turns = [...document.querySelectorAll('.turn')];
  const texts = turns.map((turn) => turn.querySelector('p'));
  const begins = packed.map((words) => words[0] ?? 0);
  const numberOf = new Map(texts.map((text, i) => [text, i]));
  const STEP = 5; // seconds
  const HINT_MS = 4000;
  const SILENT_MS = 1000; // after a word, until it is no longer the one being said
  const spoken = []; // per paragraph: its words, once unpacked
  const near = new Set(); // paragraphs near the window

  /* ---- words ---- */

  // {at, end, begin, last, sure} of each word of a paragraph.
  function wordsOf(i) {
    if (spoken[i]) return spoken[i];
    const numbers = packed[i];
    const text = texts[i].textContent;
    const words = [];
    let time = numbers[0] ?? 0;
    let at = 0;
    for (let k = 1; k < numbers.length; k += 3) {
      const end = at + Math.abs(numbers[k]);
      words.push({ at, end, begin: time, last: time + numbers[k + 1], sure: numbers[k] > 0 });
      time += numbers[k + 1] + (numbers[k + 2] ?? 0);
      at = text[end] === ' ' ? end + 1 : end;
    }
    spoken[i] = words;
    return words;
  }

  // Gives each word its element, and makes a link of the time; data-m and data-d are those of Hyperaudio.
  function hydrate(i) {
    const text = texts[i];
    if (text.firstElementChild) return;
    const time = turns[i].querySelector('time');
    const link = document.createElement('a');
    link.className = 'at';
    link.href = '#t=' + begins[i] / 1000;
    time.replaceWith(link);
    link.append(time);
    const whole = text.textContent;
    const fragment = document.createDocumentFragment();
    let at = 0;
    for (const word of wordsOf(i)) {
      if (word.at > at) fragment.append(whole.slice(at, word.at));
      const element = document.createElement('span');
      element.className = word.sure ? 'w' : 'w unsure';
      element.dataset.m = word.begin;
      element.dataset.d = word.last - word.begin;
      element.textContent = whole.slice(word.at, word.end);
      fragment.append(element);
      at = word.end;
    }
    if (at < whole.length) fragment.append(whole.slice(at));
    text.replaceChildren(fragment);
  }

  const elementOf = (i, k) => {
    hydrate(i);
    return texts[i].children[k];
  };

  // The last index whose value is not above the limit, or -1.
  function lastAtMost(count, valueAt, limit) {
    let low = 0;
    let high = count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (valueAt(middle) <= limit) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  // The word being said at a time: [paragraph, word], or null before the first.
  function wordAt(ms) {
    const i = lastAtMost(begins.length, (n) => begins[n], ms);
    if (i < 0) return null;
    const words = wordsOf(i);
    const k = lastAtMost(words.length, (n) => words[n].begin, ms);
    return k < 0 ? null : [i, k];
  }

  /* ---- playing ---- */

  let wanted = null; // seconds to go to when the recording is there
  let following = true;

  function seek(seconds, play) {
    const target = Math.max(0, seconds);
    if (player.readyState > 0) player.currentTime = target;
    else wanted = target;
    if (play) start();
    show(target * 1000);
  }

  function start() {
    const promise = player.play();
    if (promise) promise.catch(() => {}); // told by the error event, or not allowed before a click
  }

  const now = () => (player.readyState > 0 ? player.currentTime : (wanted ?? 0));
  const toggle = () => (player.paused ? start() : player.pause());
  const skip = (seconds) => seek(now() + seconds, false);

  function lost() {
    $('lost').hidden = false;
  }

  function setRate(step) {
    const select = $('rate');
    select.selectedIndex = Math.min(select.options.length - 1, Math.max(0, select.selectedIndex + step));
    player.playbackRate = Number(select.value);
  }

  /* ---- following ---- */

  let current = null; // element of the word being said
  let ownScroll = 0; // until then scrolling is ours

  function show(ms) {
    const found = wordAt(ms);
    const word = found && wordsOf(found[0])[found[1]];
    const element = word && ms <= word.last + SILENT_MS ? elementOf(...found) : null;
    if (element === current) return;
    if (current) current.classList.remove('now');
    const turn = element && element.closest('.turn');
    const before = document.querySelector('.turn.now');
    if (before && before !== turn && element) before.classList.remove('now');
    current = element;
    if (!element) return;
    element.classList.add('now');
    turn.classList.add('now');
    if (following) bringIntoView(element, false);
  }

  // The window's part below the player.
  const top = () => Math.max(0, bar.getBoundingClientRect().bottom);

  function bringIntoView(element, always) {
    const box = element.getBoundingClientRect();
    const from = top();
    const room = innerHeight - from;
    if (!always && box.top > from + room * 0.05 && box.bottom < from + room * 0.75) return;
    ownScroll = performance.now() + 1200;
    const still = matchMedia('(prefers-reduced-motion: reduce)').matches || Math.abs(box.top - from) > 2 * innerHeight;
    scrollBy({ top: box.top - from - room * 0.3, behavior: still ? 'instant' : 'smooth' });
    // Far paragraphs get their height only when they are drawn: look again.
    if (still) requestAnimationFrame(() => settle(element, 5));
  }

  function settle(element, tries) {
    const off = element.getBoundingClientRect().top - top() - (innerHeight - top()) * 0.3;
    if (Math.abs(off) < 4 || !tries) return;
    ownScroll = performance.now() + 300;
    scrollBy({ top: off, behavior: 'instant' });
    requestAnimationFrame(() => settle(element, tries - 1));
  }

  function follow(on) {
    following = on;
    $('follow').hidden = on || player.paused;
    if (on && current) bringIntoView(current, false);
  }

  const yieldToPerson = () => {
    if (following && !player.paused) follow(false);
  };

  function frame() {
    show(player.currentTime * 1000);
    if (!player.paused) requestAnimationFrame(frame);
  }

  function playing() {
    const on = !player.paused;
    $('follow').hidden = following || !on;
    if (on) requestAnimationFrame(frame);
  }

  /* ---- finding ---- */

  let folded = null; // the text of each paragraph as it is searched
  let hits = []; // [paragraph, from]
  let chosen = -1;
  let query = '';
  let marked = [];

  // Lower case that keeps every character in its place.
  function fold(text) {
    const lower = text.toLowerCase();
    if (lower.length === text.length) return lower;
    return [...text].map((c) => (c.toLowerCase().length === c.length ? c.toLowerCase() : c)).join('');
  }

  function find() {
    query = fold($('find').value.replace(/\s+/g, ' ').trim());
    folded ??= texts.map((text) => fold(text.textContent));
    hits = [];
    chosen = -1;
    if (query) {
      folded.forEach((text, i) => {
        for (let at = text.indexOf(query); at >= 0; at = text.indexOf(query, at + query.length)) hits.push([i, at]);
      });
    }
    const here = lastAtMost(turns.length, (i) => turns[i].getBoundingClientRect().bottom, top());
    const first = hits.findIndex(([i]) => i > here);
    choose(hits.length ? Math.max(first, 0) : -1);
  }

  function mark() {
    for (const element of marked) element.classList.remove('hit', 'chosen');
    marked = [];
    if (!query) return;
    const seen = new Set(near);
    if (chosen >= 0) seen.add(hits[chosen][0]);
    for (const i of seen) markIn(i);
  }

  function markIn(i) {
    const words = wordsOf(i);
    const first = lastAtMost(hits.length, (n) => hits[n][0], i - 1) + 1;
    for (let h = first; h < hits.length && hits[h][0] === i; h++) {
      const from = hits[h][1];
      for (let k = lastAtMost(words.length, (n) => words[n].end, from) + 1; words[k]?.at < from + query.length; k++) {
        const element = elementOf(i, k);
        element.classList.add('hit');
        if (h === chosen) element.classList.add('chosen');
        marked.push(element);
      }
    }
  }

  function choose(n) {
    chosen = n;
    $('found').hidden = !query;
    $('tools').classList.toggle('finding', Boolean(query));
    $('previous').disabled = $('next').disabled = hits.length < 2;
    $('count').textContent = !query ? '' : hits.length ? say.count.replace('%1', n + 1).replace('%2', hits.length) : say.none;
    mark();
    const element = chosenWord();
    if (!element) return;
    yieldToPerson();
    bringIntoView(element, false);
  }

  const chosenWord = () => marked.find((element) => element.classList.contains('chosen'));
  const step = (by) => hits.length && choose((chosen + by + hits.length) % hits.length);

  /* ---- words by keyboard: one of them can be reached with Tab, arrows go on from there ---- */

  let reachable = null;

  function reach(element, focus) {
    if (reachable && reachable !== element) {
      reachable.removeAttribute('tabindex');
      reachable.removeAttribute('role');
    }
    reachable = element;
    if (!element) return;
    element.tabIndex = 0;
    element.setAttribute('role', 'link'); // Enter goes there, as with one
    if (focus) {
      yieldToPerson();
      element.focus({ preventScroll: true });
      bringIntoView(element, false);
    }
  }

  function neighbour(element, key) {
    const i = numberOf.get(element.parentElement);
    if (key === 'ArrowUp' || key === 'ArrowDown') return aParagraph(i, key === 'ArrowUp' ? -1 : 1, false);
    const forward = (key === 'ArrowRight') === (getComputedStyle(element).direction !== 'rtl');
    const beside = forward ? element.nextElementSibling : element.previousElementSibling;
    return beside ?? aParagraph(i, forward ? 1 : -1, !forward);
  }

  function aParagraph(i, by, end) {
    const text = texts[i + by];
    if (!text) return null;
    hydrate(i + by);
    return end ? text.lastElementChild : text.firstElementChild;
  }

  /* ---- copying ---- */

  let hint = 0;

  function tell(text) {
    $('said').textContent = text;
    clearTimeout(hint);
    hint = setTimeout(() => ($('said').textContent = ''), HINT_MS);
  }

  async function copy(text, done) {
    try {
      await navigator.clipboard.writeText(text);
      tell(done);
      return;
    } catch {
      // Not allowed, or no such thing: the old way.
    }
    const area = document.createElement('textarea');
    area.value = text;
    document.body.append(area);
    area.select();
    const copied = document.execCommand('copy');
    area.remove();
    tell(copied ? done : text);
  }

  function linkHere() {
    const seconds = Math.round(now() * 10) / 10;
    copy(location.href.replace(/#.*/, '') + '#t=' + seconds, say.link_copied);
  }

  function wholeText() {
    let voice = '';
    return (
      turns
        .map((turn, i) => {
          const name = turn.querySelector('cite')?.textContent;
          voice = name ?? voice;
          const before = voice ? voice + say.colon : '';
          return '[' + turn.querySelector('time').textContent + '] ' + before + texts[i].textContent;
        })
        .join('\n\n') + '\n'
    );
  }

  function openLink() {
    const match = /^#t=(\d+(?:\.\d+)?)/.exec(location.hash);
    if (!match) return;
    const seconds = Number(match[1]);
    following = true;
    seek(seconds, false);
    const found = wordAt(seconds * 1000) ?? (packed[0]?.length ? [0, 0] : null);
    if (!found) return;
    const element = elementOf(...found);
    reach(element, false);
    bringIntoView(element, true);
  }

  /* ---- names ---- */

  function askNames(first) {
    $('names-list').replaceChildren(
      ...page.voices.map((voice) => {
        const label = document.createElement('label');
        const title = document.createElement('span');
        const input = document.createElement('input');
        title.textContent = voice.plain;
        label.className = voice.style;
        input.autofocus = voice.id === first;
        input.value = voice.name ?? '';
        input.placeholder = voice.plain;
        input.dir = 'auto';
        input.maxLength = 80;
        input.addEventListener('input', () => rename(voice, input.value));
        input.addEventListener('keydown', (event) => event.key === 'Enter' && saveNames());
        label.append(title, input);
        return label;
      })
    );
    $('names-dialog').showModal();
  }

  function rename(voice, typed) {
    voice.name = typed.replace(/[\s\p{Cc}]+/gu, ' ').trim();
    for (const cite of document.querySelectorAll('cite[data-voice="' + voice.id + '"]')) cite.textContent = voice.name || voice.plain;
    const list = $('voices');
    if (list) list.textContent = page.voices.map((each) => each.name || each.plain).join(say.between);
  }

  // The page's own name says how the recording's views are called: talk.html or talk.mp3.html.
  function baseName() {
    const stem = page.name.replace(/(.)\.[^.]*$/, '$1');
    try {
      const own = decodeURIComponent(location.pathname.split('/').pop()).replace(/\.html?$/i, '');
      if (own === page.name) return own;
    } catch {
      // a name that is not UTF-8
    }
    return stem || 'talk';
  }

  function saveNames() {
    const lines = page.voices.map((voice) => (voice.name ? '' : '# ') + voice.key + ' = ' + (voice.name || voice.plain));
    const file = new Blob([lines.join('\n') + '\n'], { type: 'text/plain' });
    const link = document.createElement('a');
    link.href = URL.createObjectURL(file);
    link.download = baseName() + '.speakers.txt';
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    $('names-dialog').close();
    tell(say.saved.replace('%1', link.download));
  }

  /* ---- keys ---- */

  const keys = {
    k: toggle,
    ' ': toggle,
    j: () => skip(-STEP),
    l: () => skip(STEP),
    arrowleft: () => skip(-STEP),
    arrowright: () => skip(STEP),
    '<': () => setRate(-1),
    '>': () => setRate(1),
    '/': () => {
      $('find').focus();
      $('find').select();
    },
    '?': () => $('keys-dialog').showModal(),
    f: () => follow(true),
  };

  function key(event) {
    const target = event.target;
    if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey) return;
    if (target.closest('dialog[open], input, select, textarea')) return;
    const arrow = event.key.startsWith('Arrow');
    if (target.classList.contains('w') && (arrow || event.key === 'Enter')) {
      event.preventDefault();
      if (arrow) reach(neighbour(target, event.key) ?? target, true);
      else play(target);
      return;
    }
    // What the focused thing does by itself.
    if ((target === player && (arrow || event.key === ' ')) || (target.closest('button, a, summary') && event.key === ' ')) return;
    const action = keys[event.key.toLowerCase()];
    if (action) {
      event.preventDefault();
      action();
    } else if (['PageUp', 'PageDown', 'Home', 'End', 'ArrowUp', 'ArrowDown'].includes(event.key)) yieldToPerson();
  }

  function play(word) {
    following = true;
    reach(word, false);
    seek(word.dataset.m / 1000, true);
    playing();
  }

  /* ---- all of it ---- */

  player.addEventListener('error', lost);
  player.addEventListener('loadedmetadata', () => {
    $('lost').hidden = true;
    if (player.tagName === 'VIDEO') player.classList.toggle('only-sound', !player.videoWidth);
    player.playbackRate = Number($('rate').value);
    if (wanted !== null) player.currentTime = wanted;
    wanted = null;
  });
  for (const name of ['play', 'playing', 'pause', 'ended']) player.addEventListener(name, playing);
  for (const name of ['seeked', 'timeupdate']) player.addEventListener(name, () => player.paused && wanted === null && show(player.currentTime * 1000));
  if (player.error || player.networkState === HTMLMediaElement.NETWORK_NO_SOURCE) lost();

  $('file').addEventListener('change', (event) => {
    const file = event.target.files[0];
    if (!file) return;
    wanted ??= player.currentTime;
    player.src = URL.createObjectURL(file);
  });
  $('back').addEventListener('click', () => skip(-STEP));
  $('forward').addEventListener('click', () => skip(STEP));
  $('rate').addEventListener('change', () => setRate(0));
  player.addEventListener('ratechange', () => {
    const options = [...$('rate').options];
    const same = options.findIndex((option) => Number(option.value) === player.playbackRate);
    if (same >= 0) $('rate').selectedIndex = same;
  });
  $('link').addEventListener('click', linkHere);
  $('copy').addEventListener('click', () => copy(wholeText(), say.text_copied));
  $('names').addEventListener('click', () => askNames());
  $('names').hidden = !page.voices.length;
  $('names-save').addEventListener('click', saveNames);
  $('keys').addEventListener('click', () => $('keys-dialog').showModal());
  $('follow').addEventListener('click', () => follow(true));
  // A menu: whatever is done in it or outside it closes it.
  document.addEventListener('click', (event) => {
    if (!event.target.closest('#more summary')) $('more').open = false;
  });
  $('more').addEventListener('keydown', (event) => {
    if (event.key !== 'Escape') return;
    $('more').open = false;
    $('more').firstElementChild.focus();
  });
  for (const button of document.querySelectorAll('[data-close]')) button.addEventListener('click', () => button.closest('dialog').close());

  let typing = 0;
  $('find').addEventListener('input', () => {
    clearTimeout(typing);
    typing = setTimeout(find, 120);
  });
  $('find').addEventListener('keydown', (event) => {
    if (event.isComposing) return;
    if (event.key === 'Enter') {
      const changed = fold($('find').value.replace(/\s+/g, ' ').trim()) !== query;
      clearTimeout(typing);
      if (changed) find();
      else step(event.shiftKey ? -1 : 1);
    } else if (event.key === 'Escape') {
      const word = chosenWord();
      if (!word) return; // the browser empties the field
      reach(word, true);
    } else return;
    event.preventDefault();
  });
  $('next').addEventListener('click', () => step(1));
  $('previous').addEventListener('click', () => step(-1));

  main.addEventListener('click', (event) => {
    const at = event.target.closest('.at');
    if (at) {
      event.preventDefault();
      history.replaceState(null, '', at.hash);
      hydrate(turns.indexOf(at.parentElement));
      const word = at.parentElement.querySelector('.w');
      if (word) play(word);
      return;
    }
    const cite = event.target.closest('cite');
    if (cite) askNames(cite.dataset.voice);
    const word = event.target.closest('.w');
    if (word && getSelection().isCollapsed) play(word);
  });
  main.addEventListener('focusin', (event) => {
    const at = event.target.closest('.at');
    if (!at) return;
    const i = turns.indexOf(at.parentElement);
    hydrate(i);
    reach(texts[i].firstElementChild, false);
  });
  document.addEventListener('keydown', key);
  addEventListener('wheel', yieldToPerson, { passive: true });
  addEventListener('touchmove', yieldToPerson, { passive: true });
  addEventListener('scroll', () => performance.now() > ownScroll && yieldToPerson(), { passive: true });
  addEventListener('hashchange', openLink);

  const watcher = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        const i = numberOf.get(entry.target.lastElementChild);
        if (entry.isIntersecting) {
          near.add(i);
          hydrate(i);
          if (query) markIn(i);
        } else near.delete(i);
      }
    },
    { rootMargin: '600px 0px' }
  );
  for (const turn of turns) watcher.observe(turn);

  $('tools').hidden = false;
  const tall = () => document.documentElement.style.setProperty('scroll-padding-top', bar.offsetHeight + 16 + 'px');
  new ResizeObserver(tall).observe(bar);
  openLink();
})();
