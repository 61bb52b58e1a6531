// A page that is served asks for new data while training goes on.

function follow() {
  const { every, address } = DATA.live;
  let { tag } = DATA.live;
  const ask = async () => {
    try {
      const answer = await fetch(address, { headers: { 'If-None-Match': tag }, cache: 'no-store' });
      if (answer.status === 200) {
        tag = answer.headers.get('ETag') || '';
        const live = DATA.live;
        DATA = { ...(await answer.json()), live };
        update();
      } else if (answer.status !== 304) {
        throw new Error(String(answer.status));
      }
      about(`follows the runs, every ${every} s`);
    } catch {
      about('the server does not answer any more');
    }
    setTimeout(ask, 1000 * every);
  };
  setTimeout(ask, 1000 * every);
}
