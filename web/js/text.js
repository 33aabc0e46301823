/**
 * The texts of our scripts in the language of the page.
 *
 * English texts are in the code that uses them; other languages are in locales/<language>/main.json
 * under "selfGuidance", by the same key. ComfyUI serves them under /i18n. Importing this does
 * nothing: an extension's setup() calls useLocale once.
 */

/** @typedef {{ fetchApi(path: string): Promise<Response> }} Api ComfyUI's api object */

/** @type {Record<string, string>} */
let texts = {};

/**
 * Fetch the texts of a language. Missing ones, or all if that fails, stay English.
 *
 * @param {string} locale value of the setting Comfy.Locale, such as "zh"
 * @param {Api} api
 * @returns {Promise<void>}
 */
export async function useLocale(locale, api) {
    texts = {};
    if (locale === "en") return;
    try {
        const all = await (await api.fetchApi("/i18n")).json();
        texts = all?.[locale]?.selfGuidance ?? {};
    } catch {
        texts = {};
    }
}

/**
 * A text in the language of the page.
 *
 * @param {string} key such as "layout.undo"
 * @param {string} english the text in English; {name} stands for a value
 * @param {Record<string, string | number>} [values] by name
 * @returns {string} plain text: put it on the page as textContent, never as HTML
 */
export function text(key, english, values = {}) {
    const translated = Object.hasOwn(texts, key) ? texts[key] : undefined;
    const found = typeof translated === "string" ? translated : english;
    return found.replace(/\{(\w+)\}/g, (whole, name) =>
        Object.hasOwn(values, name) ? String(values[name]) : whole,
    );
}
