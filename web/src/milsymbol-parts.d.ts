// The parts of milsymbol that the page takes; the package types only its whole.

declare module "milsymbol/parts" {
  import whole from "milsymbol";
  type Icons = object;
  export const ms: typeof whole & { addIcons(parts: Icons | Icons[]): void };
  export const numberactivites: Icons;
  export const numberair: Icons;
  export const numberlandcivilian: Icons;
  export const numberlandequipment: Icons;
  export const numberlandinstallation: Icons;
  export const numberlandunit: Icons;
  export const numbersea: Icons;
}
