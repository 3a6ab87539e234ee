/** What Deno knows of itself, for the compiler that writes declarations. */
declare module "*.wgsl" {
  const text: string;
  export default text;
}
