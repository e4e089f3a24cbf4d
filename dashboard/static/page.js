// Keeps the page up to date without losing focus, typed text or scroll, and draws the charts.
"use strict";
(() => {
  const NAME = "operator";
  const body = document.body;
  const dark = matchMedia("(prefers-color-scheme: dark)");

  // --- Bringing the old tree to the new one's state, node by node ---------------------------
  const sameKind = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName && a.id === b.id;

  function syncAttributes(old, fresh) {
    for (const { name, value } of [...fresh.attributes]) {
      if (old.getAttribute(name) !== value && !(old.nodeName === "DETAILS" && name === "open")) {
        old.setAttribute(name, value);
      }
    }
    for (const { name } of [...old.attributes]) {
      if (!fresh.hasAttribute(name) && !old.hasAttribute("data-keep") && name !== "open") {
        old.removeAttribute(name);
      }
    }
  }

  function morph(old, fresh) {
    if (old.nodeType !== Node.ELEMENT_NODE) {
      if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
      return;
    }
    if (old.nodeName === "INPUT") return; // what a person typed or chose stays
    syncAttributes(old, fresh);
    if (!old.hasAttribute("data-keep")) morphChildren(old, fresh);
  }

  function morphChildren(old, fresh) {
    const staying = new Set([...fresh.children].map((child) => child.id));
    for (const child of [...old.children]) {
      if (child.id && !staying.has(child.id)) child.remove();
    }
    let here = old.firstChild;
    for (const next of [...fresh.childNodes]) {
      // A node with an id may have moved: a matter that rose.
      let match = here;
      while (match && !sameKind(match, next)) match = next.id ? match.nextSibling : null;
      if (!match) {
        old.insertBefore(document.importNode(next, true), here);
      } else {
        if (match !== here) old.insertBefore(match, here);
        else here = here.nextSibling;
        morph(match, next);
      }
    }
    while (here) {
      const gone = here;
      here = here.nextSibling;
      gone.remove();
    }
  }

  // --- Charts -------------------------------------------------------------------------------
  const state = (element) => element.dataset.points + element.dataset.marks;

  function draw(element) {
    const points = JSON.parse(element.dataset.points);
    const marks = JSON.parse(element.dataset.marks);
    const colour = (name) => getComputedStyle(element).getPropertyValue(name).trim();
    const wide = element.closest(".wide") !== null;
    const chart = echarts.getInstanceByDom(element) || echarts.init(element);
    const label = { color: colour("--quiet"), fontSize: 11, hideOverlap: true };
    chart.setOption({
      animation: false,
      grid: { left: 30, right: 8, top: marks.length ? 20 : 10, bottom: 22 },
      tooltip: { trigger: "axis", renderMode: "richText", confine: true },
      xAxis: {
        type: "category",
        data: points.map(([hour]) => hour),
        axisLabel: { ...label, interval: wide ? 11 : 23 },
        axisTick: { show: false },
        axisLine: { lineStyle: { color: colour("--line") } },
      },
      yAxis: {
        type: "value",
        minInterval: 1,
        splitNumber: 2,
        axisLabel: label,
        splitLine: { lineStyle: { color: colour("--line") } },
      },
      series: [{
        type: "bar",
        data: points.map(([, posts]) => posts),
        itemStyle: { color: colour("--bar") },
        barCategoryGap: "15%",
        markLine: {
          silent: true,
          symbol: "none",
          data: marks.map(([hour, text]) => ({
            xAxis: hour,
            name: text,
            label: { align: points.findIndex(([each]) => each === hour) * 2 > points.length ? "right" : "left" },
          })),
          lineStyle: { color: colour("--waiting"), type: "dashed", width: 1.5 },
          label: { formatter: "{b}", color: colour("--waiting"), fontSize: 11, position: "end" },
        },
      }],
    });
    element.dataset.drawn = state(element);
  }

  function drawAll(everything) {
    if (typeof echarts === "undefined") return;
    for (const element of document.querySelectorAll(".chart")) {
      if (everything || element.dataset.drawn !== state(element)) draw(element);
    }
  }

  // --- Refreshing ---------------------------------------------------------------------------
  const stale = document.getElementById("stale");

  function apply(text) {
    const fresh = new DOMParser().parseFromString(text, "text/html").getElementById("live");
    if (!fresh) throw new Error("not a fragment");
    const live = document.getElementById("live");
    const focused = document.activeElement;
    morph(live, fresh);
    if (focused.isConnected && focused !== document.activeElement) {
      focused.focus({ preventScroll: true });
    }
    document.title = live.dataset.title;
    drawAll(false);
    fillNames();
  }

  async function refresh() {
    try {
      const answer = await fetch(body.dataset.fragment, { signal: AbortSignal.timeout(20000) });
      if (!answer.ok) throw new Error(String(answer.status));
      apply(await answer.text());
      stale.hidden = true;
    } catch {
      const now = document.getElementById("live").dataset.now;
      stale.textContent = stale.dataset.text.replace("%", now);
      stale.hidden = false;
    }
    setTimeout(refresh, body.dataset.refresh * 1000);
  }

  // --- The operator signs once; the name stays in this browser ------------------------------
  function fillNames() {
    const name = localStorage.getItem(NAME);
    if (!name) return;
    for (const input of document.querySelectorAll("input[name=operator]")) {
      if (!input.value && input !== document.activeElement) input.value = name;
    }
  }

  document.addEventListener("submit", (event) => {
    const input = event.target.elements.namedItem("operator");
    if (input) localStorage.setItem(NAME, input.value);
  });
  addEventListener("resize", () => {
    for (const element of document.querySelectorAll(".chart[data-drawn]")) {
      echarts.getInstanceByDom(element).resize();
    }
  });
  dark.addEventListener("change", () => drawAll(true));

  const notice = document.getElementById("notice");
  if (notice) {
    notice.focus({ preventScroll: true });
    const url = new URL(location.href);
    url.searchParams.delete("done");
    if (url.pathname !== "/post") history.replaceState(null, "", url);
    if (notice.classList.contains("good")) setTimeout(() => notice.remove(), 15000);
  }
  fillNames();
  // The other pages hold forms and tables: they stay as they were opened.
  if (document.getElementById("live")) {
    drawAll(true);
    setTimeout(refresh, body.dataset.refresh * 1000);
  }
})();
