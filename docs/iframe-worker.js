// Browsers start no worker for a page that is read from disk; there the search runs in a hidden frame instead.
// The theme asks for `IFrameWorker` by that name.
if (location.protocol === "file:") {
  window.IFrameWorker = window.Worker = class extends EventTarget {
    constructor(url) {
      super()
      const frame = document.createElement("iframe")
      frame.hidden = true
      document.body.append(frame)
      this.inner = frame.contentWindow
      this.inner.postMessage = data => this.dispatchEvent(new MessageEvent("message", { data }))
      this.inner.importScripts = async (...urls) => { for (const one of urls) await this.load(one) }
      this.ready = this.load(url)
    }

    load(url) {
      const { document } = this.inner
      return new Promise((done, failed) => {
        const script = document.createElement("script")
        Object.assign(script, { src: url, onload: done, onerror: failed })
        document.body.append(script)
      })
    }

    async postMessage(data) {
      await this.ready
      this.inner.dispatchEvent(new MessageEvent("message", { data }))
    }
  }
}
