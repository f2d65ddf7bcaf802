/** Fills an empty database with the shop's schema and about `sizeMb` megabytes of orders. Same seed, same rows. */
export declare function seedShop(url: string, sizeMb: number, seed: number): Promise<void>;
