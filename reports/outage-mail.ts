export const outageBeganMail = (m: any) => ({ id: m.id, subject: 'began', text: '' });
export const phaseMail = (m: any) => ({ id: m.id, subject: `phase ${m.phase}`, text: '' });
export const mainsBackMail = (m: any) => ({ id: m.id, subject: 'mains back', text: '' });
export const noticeMail = (m: any) => ({ id: m.id, subject: `notice ${m.notice.code} ${m.over}`, text: m.notice.text });
export const outageReportMail = (id: string, r: any) => ({ id, subject: `report ${r.outcome}`, text: r.exceptions.join('\n') });
export const nodeMissingMail = (m: any) => ({ id: m.id, subject: `missing ${m.node}`, text: m.words });
export const nodeUnverifiedMail = (m: any) => ({ id: m.id, subject: `unverified ${m.node}`, text: m.words });
export const shedRefusedMail = (m: any) => ({ id: m.id, subject: 'shed refused', text: m.why });
export const restoreWaitsMail = (m: any) => ({ id: m.id, subject: 'restore waits', text: m.exceptions.join('\n') });
