// Gradio reloads the page when one of its requests fails, and with it goes all that was drawn. Here
// its requests are watched: a failure is told to whoever waits for the answer, and gradio sees none.
studio.connection = (() => {
  const LOST = "studio-lost";
  const CLOSE = 'data: {"msg": "close_stream"}\n\n';

  function tellLost(seq) {
    document.dispatchEvent(new CustomEvent(LOST, { detail: seq }));
  }

  // Calls `take` with the number of an event that was not sent; null if any answer may be lost.
  function listenLost(take) {
    document.addEventListener(LOST, (event) => take(event.detail));
  }

  // What gradio is told instead of a failure of ours: that the event is under way.
  function missed(response, body) {
    const { event_data: data } = JSON.parse(body);
    if (!data || !data.seq) return response || Response.json({ error: props.settings.labels.not_sent }, { status: 503 });
    tellLost(data.seq);
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

  // Passes whole messages on; where the stream breaks gradio is told that it is closed.
  function unbroken(stream, signal) {
    const reader = stream.getReader(), decoder = new TextDecoder(), encoder = new TextEncoder();
    let rest = "";
    const next = async (controller) => {
      const { done, value } = await reader.read();
      if (done) {
        controller.enqueue(encoder.encode(CLOSE));
        return controller.close();
      }
      rest += decoder.decode(value, { stream: true });
      const end = rest.lastIndexOf("\n\n") + 2;
      if (end < 2) return next(controller);
      controller.enqueue(encoder.encode(rest.slice(0, end)));
      rest = rest.slice(end);
    };
    return new ReadableStream({
      pull: (controller) => next(controller).catch((error) => {
        if (signal && signal.aborted) return controller.error(error);
        tellLost(null);
        controller.enqueue(encoder.encode(CLOSE));
        controller.close();
      }),
      cancel: (reason) => reader.cancel(reason),
    });
  }

  async function listen(fetch, input, init) {
    const headers = { "Content-Type": "text/event-stream" };
    try {
      const response = await fetch(input, init);
      if (!response.ok) throw new Error(response.statusText);
      return new Response(unbroken(response.body, init && init.signal), { headers });
    } catch (error) {
      if (init && init.signal && init.signal.aborted) throw error;
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

  return { listenLost, watchConnection };
})();
