import type { JSX } from "preact";
import { PAIRS, RELATIONS } from "../model/relatives.js";

/** Raft, Viewstamped Replication and ZooKeeper beside Paxos: for those who have heard of one of them. */
export function RelativesPage(): JSX.Element {
  return (
    <main class="relatives" id="main">
      <p class="kicker">And Raft?</p>
      <h1>The same idea under other names</h1>
      <p class="lead">
        Viewstamped Replication (1988), Paxos (1989, printed 1998), Zab, which carries ZooKeeper (2008), and Raft (2014)
        were made for the same purpose: one log on several servers, right while a majority is up. Once you know the four
        words, promised, accepted, chosen and learned, you can read all of them.
      </p>
      <div class="matrix-scroll" tabIndex={0} role="group" aria-label="Comparison table. Scrolls.">
        <table>
          <thead>
            <tr>
              <td />
              <th scope="col">Multi-Paxos</th>
              <th scope="col">Raft</th>
              <th scope="col">Viewstamped Replication</th>
              <th scope="col">ZooKeeper (Zab)</th>
            </tr>
          </thead>
          <tbody>
            {RELATIONS.map(({ what, paxos, raft, vr, zab }) => (
              <tr key={what}>
                <th scope="row">{what}</th>
                <td>{paxos}</td>
                <td>{raft}</td>
                <td>{vr}</td>
                <td>{zab}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <h2>Where they part</h2>
      <ul class="pairs">
        {PAIRS.map(({ title, story, paxos, raft }) => (
          <li key={story}>
            <h3>{title}</h3>
            <p>
              <b>Paxos.</b> {paxos}
            </p>
            <p>
              <b>Raft.</b> {raft}
            </p>
            <a href={`#/${story}`}>See it happen</a>
          </li>
        ))}
      </ul>
      <h2>Which one, then?</h2>
      <p class="lead">
        Their promises are the same, and so are their limits: none of them survives the loss of a majority, and none
        forgives lies. What differs is how many messages and disk writes a change of leader costs, what a hole in the
        log does, and how good the code is. ZooKeeper is not a library but a service, built on its protocol: small
        files, locks and watches for others.
      </p>
    </main>
  );
}
