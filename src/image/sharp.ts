import sharp from 'sharp';

// sharp's cache keeps decoded images that are never asked for twice here, and its memory grows with it.
sharp.cache(false);
// One thread an image: the cores belong to the network, and images are worked on in parallel where that pays.
sharp.concurrency(1);

/** sharp, set up for this process; everything imports it from here. */
export { sharp };
