/** The k6 module of paystorm: what a shop's own script says of what its buyers do. See docs/k6.md. */
declare module 'k6/x/paystorm' {
  /** What an order, or any other request, told. */
  export interface Told {
    /** The shop's order number, under which the channel knows the order too. */
    order?: string;
    /** The channel's payment id, or whatever the shop hands its buyer to pay with. */
    payment?: string;
    /** The order's state in the shop's own words; the system file's `states` maps them. */
    state?: string;
    /** The HTTP status. */
    status?: number;
  }

  /** What the client knows when it asks. */
  export interface Asked {
    order?: string;
    payment?: string;
    /** What is ordered, if it is not the buyer's sku and quantity. Only SKUs of the sale. */
    lines?: { sku: string; quantity: number }[];
    /** Of a refund: how much of the order, in minor units. Without it, all of it. */
    minor?: number;
    /** Of a refund: the wish that is asked for again, as the Op of the first time told it. Without it, another one. */
    wish?: number;
  }

  /** An operation on its way. It ends once, by one of the three; one that is left open is recorded as unknown. */
  export interface Op {
    /** The client reference of this operation's order: send it where the shop lets you. */
    readonly ref: string;
    /** Of a refund: the how-manieth wish of its order, from 1; else 0. */
    readonly wish: number;
    /** Of a refund: a key unique to the wish, such as ps-<run>-b7-o1-r1; else "". */
    readonly key: string;
    ok(told?: Told): void;
    /** A definite no that had no effect. `sold_out` and `limit` are reasons that the judge understands. */
    refused(reason: string, told?: Told): void;
    /** No answer, or one that says nothing for certain: it may have taken effect at any time. */
    unknown(reason: string): void;
  }

  export const op: {
    /** Call it before the request is sent. Each `order` after the first begins the buyer's next one. */
    begin(kind: 'order' | 'poll' | 'look' | 'cancel' | 'refund' | 'payment' | string, asked?: Asked): Op;
  };

  export interface Paid {
    /** `abandoned` is a buyer whom a payer fault made leave: return then. */
    outcome: 'ok' | 'refused' | 'unknown' | 'abandoned';
    reason: string;
  }

  /** The buyer's act at the channel, with this buyer's payer faults. It is recorded by itself. */
  export function pay(payment: string): Paid;

  export interface Buyer {
    /** From 1. */
    readonly number: number;
    /** Unique to the run. */
    readonly buyer: string;
    readonly ref: string;
    /** What the scenario's `load.journeys` has this buyer do. */
    readonly journey: string;
    /** The shop's address, through the link that faults strike. */
    readonly shop: string;
    readonly sku: string;
    readonly quantity: number;
    /** Of one unit, in minor units and as a decimal. */
    readonly price_minor: number;
    readonly price: string;
    readonly currency: string;
    /** The code of the buyer's coupon; "" for none. */
    readonly coupon: string;
    /** What `configure` and `setup` captured. */
    readonly [captured: string]: string | number;
  }

  /** Who this iteration is. */
  export function buyer(): Buyer;

  /** How many seconds this buyer pauses, of a span such as "200ms..3s"; the same in every run of the seed. For k6's sleep. */
  export function think(span: string): number;
}
