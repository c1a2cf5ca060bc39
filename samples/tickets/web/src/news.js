/** What is new in this release, shown at the foot of the page. */
export const news = 'Tickets are triaged by a worker as soon as they arrive.';
