// Scores of search results. Pages come first, then the gallery, then attributes and methods of classes.
// Troubleshooting precedes pages with the same score. The changelog comes last.
var Scorer = {
  score: ([page, , anchor, , score]) => {
    const parent = page.split("/").pop();
    const isMember = page.startsWith("reference/objects/") && (anchor || "").startsWith(`#${parent}.`);
    if (isMember) return score - 100;
    if (page === "howto/troubleshooting") return score + 2;
    if (page === "reference/changelog") return score - 20;
    return page.startsWith("gallery/") ? score - 6 : score;
  },
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
