// Every request to the server. An answer may be late, be lost or be a failure; whoever calls gets it,
// or null once it is given up. Nothing here throws.
//
// Gradio reloads the page when one of its requests fails, and with it goes all that was drawn. So its
// requests are watched: a failure is told to whoever waits for the answer, and gradio sees none.
studio.calls = (() => {
  // Milliseconds of silence after which an answer counts as lost; tests shorten them. Of a stream, which
  // else says every 15 seconds that it is there, after which it does.
  const PATIENCE = {
    edit: 8000, event: 20000, open: 60000, upload: 30000, reply: 15000, picture: 15000, overtaken: 1000,
    pause: 1000, stream: 40000, ...window.studioPatience,
  };
  const LONGEST = 60000;
  const LOST = "studio-lost";
  const PLACE = "studio-place";
  const QUEUED = /^data: \{"msg":"(estimation|process_starts)","event_id":"(\w+)"(?:,"rank":(\d+))?/gm;
  const CLOSE = 'data: {"msg": "close_stream"}\n\n';
  const REFUSED = /^data: \{"msg":"unexpected_error"/m;

  function sleep(milliseconds) {
    return new Promise((done) => setTimeout(done, milliseconds));
  }

  // The answer, or null once there was no sign of it for `patience`; `touch` is such a sign.
  function awaitAnswer(ask, patience) {
    return new Promise((done) => {
      let alarm = 0;
      const end = (answer) => {
        clearTimeout(alarm);
        done(answer === undefined ? null : answer);
      };
      const touch = (limit) => {
        clearTimeout(alarm);
        alarm = setTimeout(() => end(null), limit);
      };
      touch(patience);
      ask((limit = patience) => touch(limit)).then(end, () => end(null));
    });
  }

  // Sends a file ourselves: gradio's `upload` does not say how much has been sent.
  function sendFile(app, file, touch, wanted) {
    return new Promise((done, fail) => {
      const { root = "", api_prefix: prefix = "" } = window.gradio_config || {};
      const request = new XMLHttpRequest(), form = new FormData();
      form.append("files", file);
      request.open("POST", root + prefix + "/upload");
      request.responseType = "json";
      request.upload.onprogress = (event) => {
        if (!wanted()) return request.abort();
        touch();
        app.sending = { sent: event.loaded, all: event.total };
        app.redraw();
      };
      request.onload = () => {
        const paths = request.status === 200 && Array.isArray(request.response) ? request.response : [];
        if (paths.length) done(paths[0]);
        else fail();
      };
      request.onerror = request.onabort = fail;
      request.send(form);
    }).finally(() => {
      app.sending = null;
      app.redraw();
    });
  }

  // A picture asked for again while the browser still waits for it would share the same answer, so
  // a request that is given up is ended.
  async function loadImage(url, patience) {
    const response = await fetch(url, { signal: AbortSignal.timeout(patience) });
    if (!response.ok) throw new Error(response.statusText);
    const image = new Image();
    image.src = URL.createObjectURL(await response.blob());
    await image.decode().finally(() => URL.revokeObjectURL(image.src));
    return image;
  }

  // Gradio's events give no answer: it is a later value of the component with the same number.
  function trigger(app, name, message, touch) {
    return new Promise((answer) => {
      app.awaited.set(message.seq, { name, answer, touch });
      app.trigger(name, message);
    });
  }

  // Gives the answer with this number to whoever waits for it. Events are answered in order, and two
  // answers at once come as one value: an earlier one that is still awaited will hardly come.
  function takeAnswer(app, seq, answer) {
    const asked = app.awaited.get(seq);
    app.awaited.delete(seq);
    if (asked) asked.answer(answer);
    for (const [other, late] of app.awaited) if (other < seq) late.touch(PATIENCE.overtaken);
  }

  // A finished file goes to a component of its own, which tells here that it came.
  function listenDownloads(app) {
    document.addEventListener("studio-download", (event) => {
      const asked = app.awaited.get(event.detail);
      if (!asked || asked.name !== "export_file") return;
      app.awaited.delete(event.detail);
      asked.answer(true);
    });
  }

  // The number of an event that was not sent, null if any answer may be lost, and the server's words.
  function tellLost(seq, refusal = "") {
    document.dispatchEvent(new CustomEvent(LOST, { detail: { seq, refusal } }));
  }

  // Events that were not sent, or whose answers may be lost, are asked for again soon.
  function listenLosses(app) {
    document.addEventListener(LOST, ({ detail: { seq, refusal } }) => {
      for (const [other, asked] of app.awaited) {
        if (seq !== null && other !== seq) continue;
        app.refusal = refusal;
        asked.touch(0);
      }
    });
  }

  // Who waits is told the place in the line, 1 is the next; it is a sign that the answer will come.
  function listenPlaces(app) {
    document.addEventListener(PLACE, ({ detail: place }) => {
      app.place = place;
      if (place) for (const asked of app.awaited.values()) asked.touch();
      app.redraw();
    });
  }

  // Takes the places out of what gradio is told; `places` has those of a page's events.
  function hear(text, places) {
    for (const [, said, event, rank] of text.matchAll(QUEUED)) {
      if (said === "estimation") places.set(event, Number(rank) + 1);
      else places.delete(event);
      const place = places.size ? Math.min(...places.values()) : 0;
      document.dispatchEvent(new CustomEvent(PLACE, { detail: place }));
    }
  }

  async function wordsOf(response) {
    const { detail } = await response.json().catch(() => ({}));
    return typeof detail === "string" ? detail : "";
  }

  // What gradio is told instead of a failure of ours: that the event is under way.
  async function missed(response, body) {
    const { event_data: data } = JSON.parse(body);
    if (!data || !data.seq) return response || Response.json({ error: JSON.parse(props.settings).labels.not_sent }, { status: 503 });
    tellLost(data.seq, response && response.status === 503 ? await wordsOf(response) : "");
    return Response.json({ event_id: "lost" });
  }

  async function join(fetch, input, init) {
    let response = null;
    try {
      response = await fetch(input, init);
    } catch {
      return missed(null, init.body);
    }
    return response.ok ? response : missed(response, init.body);
  }

  // Passes whole messages on; where the stream breaks, or the server refuses it, as one does that was
  // started anew, gradio is told that it is closed. One that gradio has ended itself loses nothing.
  function unbroken(stream, signal, touch) {
    const reader = stream.getReader(), decoder = new TextDecoder(), encoder = new TextEncoder(), places = new Map();
    let rest = "";
    const next = async (controller) => {
      const { done, value } = await reader.read();
      touch();
      if (done) {
        controller.enqueue(encoder.encode(CLOSE));
        return controller.close();
      }
      rest += decoder.decode(value, { stream: true });
      const end = rest.lastIndexOf("\n\n") + 2;
      if (end < 2) return next(controller);
      if (REFUSED.test(rest)) throw new Error("refused");
      hear(rest.slice(0, end), places);
      controller.enqueue(encoder.encode(rest.slice(0, end)));
      rest = rest.slice(end);
    };
    return new ReadableStream({
      pull: (controller) => next(controller).catch(() => {
        if (!signal.aborted) {
          tellLost(null);
          controller.enqueue(encoder.encode(CLOSE));
        }
        controller.close();
      }),
      cancel: (reason) => reader.cancel(reason),
    });
  }

  // A signal that ends a request with `signal`, or once it was silent; `touch` is called at each sign.
  function silenceOf(signal) {
    const end = new AbortController();
    let alarm = 0;
    const touch = () => {
      clearTimeout(alarm);
      alarm = setTimeout(() => end.abort(), PATIENCE.stream);
    };
    touch();
    signal.addEventListener("abort", () => end.abort());
    return { ended: end.signal, touch };
  }

  // Gradio asks for no other stream while it has one, and one may hang where a network falls silent.
  async function listen(fetch, input, init) {
    const headers = { "Content-Type": "text/event-stream" };
    const { signal } = new Request(input, init), { ended, touch } = silenceOf(signal);
    try {
      const response = await fetch(input, { ...init, signal: ended });
      if (!response.ok) throw new Error(response.statusText);
      return new Response(unbroken(response.body, signal, touch), { headers });
    } catch {
      if (signal.aborted) return new Response("", { headers });
      tellLost(null);
      return new Response(CLOSE, { headers });
    }
  }

  // Once a page, however many components it has.
  function watchConnection() {
    if (window.studioConnection) return;
    window.studioConnection = true;
    const fetch = window.fetch.bind(window);
    window.fetch = (input, init) => {
      const address = String(input.url || input);
      if (address.includes("/queue/join")) return join(fetch, input, init);
      return address.includes("/queue/data") ? listen(fetch, input, init) : fetch(input, init);
    };
  }

  const WAYS = {
    upload: (app, file, touch, { wanted }) => sendFile(app, file, touch, wanted),
    image: (app, url, touch, { wait }) => loadImage(url, wait),
  };

  function ask(app, name, values, touch, options) {
    if (WAYS[name]) return WAYS[name](app, values, touch, options);
    if (app.functions[name]) return app.functions[name](values);
    return trigger(app, name, { seq: options.seq, ...values }, touch);
  }

  function saysTrouble(app) {
    return app.trouble !== "" && app.root.querySelector(".message").textContent === app.trouble;
  }

  // What the server refused in words is said in these.
  function say(app, label) {
    const words = app.refusal || app.labels[label];
    app.refusal = "";
    if (!words) return;
    if (!saysTrouble(app)) app.interrupted = app.root.querySelector(".notice").textContent;
    app.trouble = words;
    app.say(words);
  }

  // What was told before the trouble is told again.
  function unsay(app) {
    if (saysTrouble(app)) app.tell(app.interrupted);
    app.trouble = "";
  }

  // What the server does not hold any more is sent again.
  function sayRefused(app, { gone, message }) {
    if (!gone || !(app.opening || app.sendAgain())) app.say(message);
  }

  // Options: `seq` is the event's number, `patience` as above, `tries` after how many losses it is
  // given up, `lost` and `failed` what is said then (nothing if empty), `wanted` tells whether anybody
  // still waits, and `again` whether to send it once more after a loss.
  async function call(app, name, values, options) {
    const {
      seq = ++app.seq, patience = PATIENCE.event, tries = 2, lost = "lost", failed = "given_up",
      wanted = () => true, again = async () => true,
    } = options || {};
    let wait = patience, pause = PATIENCE.pause;
    for (let losses = 1; ; losses++) {
      const asked = performance.now();
      const answer = await awaitAnswer((touch) => ask(app, name, values, touch, { seq, wanted, wait }), wait);
      if (answer !== null) unsay(app);
      if (!wanted()) return null;
      if (answer !== null) {
        if (answer.message && app.functions[name]) sayRefused(app, answer);
        return answer;
      }
      app.redraw();
      if (losses >= tries) {
        say(app, failed);
        return null;
      }
      say(app, lost);
      await sleep(pause);
      if (!wanted() || !(await again())) {
        unsay(app);
        return null;
      }
      // Only silence asks for longer patience: a refusal comes at once, also from a server that is not there.
      if (performance.now() - asked >= wait) wait = Math.min(2 * wait, LONGEST);
      pause = Math.min(2 * pause, LONGEST / 4);
    }
  }

  return { PATIENCE, call, listenDownloads, listenLosses, listenPlaces, sleep, takeAnswer, watchConnection };
})();
