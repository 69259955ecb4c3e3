// Many points in one call to the graphics unit: a circle each, in the colour of whose it is.

import type { CustomLayerInterface, CustomRenderMethodInput } from "maplibre-gl";
import type { Crowd } from "./crowd";
import type { Place } from "./items";
import { KINS, palette } from "./symbols";

/** Radius of a point and of the edge that sets it off from its neighbours, in px of the page. */
const RADIUS = 3.5, EDGE = 1;
/** Beyond so many, points are smaller: they would hide one another, and each px is drawn for each of them. */
const MANY = 20_000, RADIUS_OF_MANY = 2.5;

const VERTEX = `
attribute vec3 at;
uniform mat4 matrix;
uniform float size;
varying float kin;
void main() {
  gl_Position = matrix * vec4(at.xy, 0.0, 1.0);
  gl_PointSize = size;
  kin = at.z;
}`;
const FRAGMENT = `
precision highp float;
uniform vec3 colours[4];
uniform float size;
uniform float edge;
varying float kin;
void main() {
  float from = length(gl_PointCoord - 0.5) * size;
  float cover = clamp(size * 0.5 - from, 0.0, 1.0);
  vec3 own = kin < 0.5 ? colours[0] : kin < 1.5 ? colours[1] : colours[2];
  gl_FragColor = vec4(mix(own, colours[3], clamp(from - size * 0.5 + edge + 0.5, 0.0, 1.0)) * cover, cover);
}`;

/** A layer of the map. Places are kept as steps from a first one, so that single precision is enough at any zoom. */
export class Points implements CustomLayerInterface {
  readonly id = "things";
  readonly type = "custom";
  private program: WebGLProgram | null = null;
  private at: Record<string, WebGLUniformLocation | null> = {};
  private buffer: WebGLBuffer | null = null;
  private data = new Float32Array();
  private origin: Place = [0, 0];
  private fresh = false;

  /** Draw these and no others. */
  show(all: Crowd | null): void {
    const n = all?.things.length ?? 0;
    this.origin = all && n ? mercator([all.lon[0]!, all.lat[0]!]) : [0, 0];
    this.data = new Float32Array(n * 3);
    for (let i = 0; all && i < n; i++) {
      const [x, y] = mercator([all.lon[i]!, all.lat[i]!]);
      this.data[3 * i] = x - this.origin[0];
      this.data[3 * i + 1] = y - this.origin[1];
      this.data[3 * i + 2] = all.kin[i]!;
    }
    this.fresh = true;
  }

  onAdd(_map: unknown, gl: WebGLRenderingContext | WebGL2RenderingContext): void {
    const program = gl.createProgram();
    for (const [kind, words] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]] as const) {
      const shader = gl.createShader(kind)!;
      gl.shaderSource(shader, words);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.bindAttribLocation(program, 0, "at");
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(`points cannot be drawn: ${gl.getProgramInfoLog(program) ?? ""}`);
    const at = Object.fromEntries(["matrix", "size", "edge", "colours"].map((name) => [name, gl.getUniformLocation(program, name)]));
    Object.assign(this, { program, at, buffer: gl.createBuffer(), fresh: true });
  }

  render(gl: WebGLRenderingContext | WebGL2RenderingContext, input: CustomRenderMethodInput): void {
    if (!this.program || this.data.length === 0) return;
    const ratio = window.devicePixelRatio || 1, radius = this.data.length / 3 > MANY ? RADIUS_OF_MANY : RADIUS, at = this.at;
    gl.useProgram(this.program);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffer);
    if (this.fresh) gl.bufferData(gl.ARRAY_BUFFER, this.data, gl.STATIC_DRAW);
    this.fresh = false;
    gl.enableVertexAttribArray(0);
    gl.vertexAttribPointer(0, 3, gl.FLOAT, false, 0, 0);
    gl.uniformMatrix4fv(at.matrix!, false, moved(input.defaultProjectionData.mainMatrix, this.origin));
    gl.uniform1f(at.size!, 2 * (radius + EDGE) * ratio);
    gl.uniform1f(at.edge!, EDGE * ratio);
    const p = palette();
    gl.uniform3fv(at.colours!, [...KINS.map((k) => p[k]), p.land].flatMap(shares));
    gl.drawArrays(gl.POINTS, 0, this.data.length / 3);
  }
}

/** Web Mercator, the whole earth as 0 to 1 (EPSG:3857). */
function mercator([lon, lat]: Place): Place {
  const phi = (Math.max(-85.051, Math.min(85.051, lat)) * Math.PI) / 180;
  return [(lon + 180) / 360, (1 - Math.log(Math.tan(Math.PI / 4 + phi / 2)) / Math.PI) / 2];
}

/** The same matrix for places counted from an origin; column by column. */
function moved(matrix: ArrayLike<number>, [x, y]: Place): Float32Array {
  const out = Float32Array.from(matrix);
  for (let row = 0; row < 4; row++) out[12 + row] = matrix[row]! * x + matrix[4 + row]! * y + matrix[12 + row]!;
  return out;
}

const shares = (colour: string): number[] => [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16) / 255);
