// The modules that ComfyUI's page serves to extensions, with the types that its frontend publishes.
declare module "*/scripts/app.js" {
    export const app: import("@comfyorg/comfyui-frontend-types").ComfyApp;
}
declare module "*/scripts/api.js" {
    export const api: import("@comfyorg/comfyui-frontend-types").ComfyApi;
}

/** A node as extensions get it: what the frontend adds to LiteGraph's own class at run time. */
declare type ComfyNode = Parameters<
    NonNullable<import("@comfyorg/comfyui-frontend-types").ComfyExtension["nodeCreated"]>
>[0] & {
    onExecuted?(output: any): void;
    addDOMWidget(
        name: string,
        type: string,
        element: HTMLElement,
        options: import("@comfyorg/comfyui-frontend-types").DOMWidgetOptions<string>,
    ): { value: string; callback?(value: string): void };
};
