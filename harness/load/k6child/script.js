// What k6 runs: it keeps the time, and each of its iterations is one buyer, whose journey is Go.
import { gate, native, planned } from 'k6/x/paystorm';

export const options = planned();

export function setup() {
  gate();
}

export default function () {
  native();
}
